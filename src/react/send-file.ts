/** Sends a file to an upload URL, with progress; in browsers, whose `fetch` tells nothing of what it has sent. */
import { agentFactoryError } from "../shared/errors.js";

/** Storage ends an upload after two minutes; what has no answer a little later never gets one. */
const TIMEOUT_MS = 130_000;

/**
 * Resolves to the id under which storage keeps the file.
 *
 * @throws `upload_rejected` with a sentence for people; an `AbortError` when `signal` was aborted
 */
export async function sendFile(
  file: Blob,
  { uploadUrl, contentType }: { uploadUrl: string; contentType: string },
  { signal, onProgress }: { signal: AbortSignal; onProgress: (share: number) => void },
): Promise<string> {
  signal.throwIfAborted();
  return await new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const stop = () => request.abort();
    const end = (act: () => void) => {
      signal.removeEventListener("abort", stop);
      act();
    };
    const fail = (why: string) => end(() => reject(agentFactoryError("upload_rejected", why)));
    request.upload.onprogress = ({ loaded, total }) => onProgress(total === 0 ? 0 : loaded / total);
    request.onload = () => {
      const storageId = request.status === 200 ? storageIdOf(request.responseText) : null;
      if (storageId === null) fail("The file could not be stored. Try again.");
      else end(() => resolve(storageId));
    };
    request.onerror = () => fail("The connection broke before the file had arrived. Try again.");
    request.ontimeout = () =>
      fail("Sending the file took longer than two minutes. Try again, or choose a smaller one.");
    request.onabort = () => end(() => reject(new DOMException("The upload was stopped.", "AbortError")));
    signal.addEventListener("abort", stop);
    request.open("POST", uploadUrl);
    request.timeout = TIMEOUT_MS;
    request.setRequestHeader("Content-Type", contentType);
    request.send(file);
  });
}

function storageIdOf(answer: string): string | null {
  try {
    const parsed: unknown = JSON.parse(answer);
    const isNamed = typeof parsed === "object" && parsed !== null && "storageId" in parsed;
    return isNamed && typeof parsed.storageId === "string" ? parsed.storageId : null;
  } catch {
    return null;
  }
}
