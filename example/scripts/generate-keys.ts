/** Prints one `npx convex env set` command for each key that a deployment of this example needs. */
import { environmentCommands, generateKeys } from "./keys.js";

for (const command of environmentCommands(await generateKeys())) console.log(command);
