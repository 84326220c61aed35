/** The component's schema: the tables of every room, merged. */
import { defineSchema } from "convex/server";
import { agentTables } from "./agents/tables.js";
import { conversationTables } from "./conversations/tables.js";
import { identityTables } from "./identity/tables.js";
import { poolTables } from "./pool/tables.js";
import { queueTables } from "./queue/tables.js";
import { retentionTables } from "./retention/tables.js";
import { secretTables } from "./secrets/tables.js";
import { skillTables } from "./skills/tables.js";
import { snapshotTables } from "./snapshots/tables.js";
import { workerTables } from "./workers/tables.js";

export default defineSchema({
  ...agentTables,
  ...identityTables,
  ...secretTables,
  ...conversationTables,
  ...queueTables,
  ...workerTables,
  ...snapshotTables,
  ...skillTables,
  ...poolTables,
  ...retentionTables,
});
