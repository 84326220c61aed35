/** Saves a stored file under its own name, which its address does not hold. */

/** Long enough for a browser to have begun the download. */
const RELEASE_AFTER_MS = 60_000;

/** Where that cannot be done, the browser shows the file instead. */
export async function saveFile(url: string, name: string): Promise<void> {
  try {
    // A copy that the page got as a picture may lack the permission to read it.
    const response = await fetch(url, { cache: "no-store" });
    if (!response.ok) throw new Error(`Storage answered with status ${response.status}.`);
    const content = URL.createObjectURL(await response.blob());
    const link = document.createElement("a");
    link.href = content;
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(content), RELEASE_AFTER_MS);
  } catch {
    window.open(url, "_blank", "noreferrer,noopener");
  }
}
