"use client";
/** Says that the connection is lost and what that means for what one does meanwhile. */
import { plural } from "../../lib/format";
import { TONE_WASH } from "../ui/tone";
import { useConnection } from "./connection";

export function ConnectionBanner() {
  const { connection, unsentMessages } = useConnection();
  const isLost = connection === "lost" || connection === "offline";
  return (
    <div role="status" aria-live="polite">
      {isLost && (
        <p className={`px-5 py-2 text-center text-[13px] ${TONE_WASH.wait}`}>
          {connection === "offline" ? "You are offline." : "The connection is lost; trying to get it back."}{" "}
          {unsentMessages > 0
            ? `${plural(unsentMessages, "change")} will be sent as soon as it is back.`
            : "What you see may be old. What you send now is kept and sent as soon as it is back."}
        </p>
      )}
    </div>
  );
}
