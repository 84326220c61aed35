/** Which files of a message go to the model as pictures. */
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createLogger, SecretFilter } from "../../logger.js";
import { temporaryDirectory } from "../../testing/temporary.js";
import type { TurnAttachment } from "../runtime.js";
import { MAX_PICTURE_BYTES, MAX_PICTURES_BYTES, pictureType, readPictures } from "./pictures.js";

const PNG = Buffer.from("\x89PNG\r\n\x1a\n....", "latin1");
const logger = createLogger("silent", new SecretFilter());

async function workspaceWith(files: Record<string, Buffer>): Promise<string> {
  const workspace = await temporaryDirectory();
  await mkdir(join(workspace, "attachments/m"), { recursive: true });
  for (const [name, content] of Object.entries(files)) await writeFile(join(workspace, "attachments/m", name), content);
  return workspace;
}

const attached = (name: string, change: Partial<TurnAttachment> = {}): TurnAttachment => ({
  path: `attachments/m/${name}`,
  kind: "photo",
  mimeType: "image/png",
  sizeBytes: 1,
  ...change,
});

describe("the type of a picture", () => {
  it("is what its first bytes say", () => {
    const typeOf = (text: string) => pictureType(Buffer.from(text, "latin1"));
    expect(pictureType(PNG)).toBe("image/png");
    expect(typeOf("\xff\xd8\xff\xe0....")).toBe("image/jpeg");
    expect(typeOf("GIF89a......")).toBe("image/gif");
    expect(typeOf("RIFF\n\n\n\nWEBPVP8 ")).toBe("image/webp");
    for (const other of ["", "\x89PN", "RIFF....WAVE", "%PDF-1.7", "<svg xmlns=", "BM......"])
      expect(typeOf(other)).toBeNull();
  });
});

describe("the pictures of a message", () => {
  it("are its pictures, whoever calls them documents, with their real type and in their order", async () => {
    const jpeg = Buffer.from("\xff\xd8\xff\xe0 jpeg", "latin1");
    const workspace = await workspaceWith({ "a.png": PNG, "b.png": jpeg, "c.txt": Buffer.from("text"), "d.png": PNG });
    const pictures = await readPictures(
      [
        attached("a.png", { kind: "document" }),
        attached("b.png", { mimeType: null }),
        attached("c.txt", { kind: "document", mimeType: "text/plain" }),
        attached("d.png", { kind: "document", mimeType: "application/octet-stream" }),
      ],
      workspace,
      logger,
    );
    expect(pictures).toEqual([
      { type: "image", mimeType: "image/png", fileName: "a.png", content: PNG.toString("base64") },
      { type: "image", mimeType: "image/jpeg", fileName: "b.png", content: jpeg.toString("base64") },
    ]);
  });

  it("are none that are something else, empty, gone, or a link to somewhere", async () => {
    const workspace = await workspaceWith({ "pdf.png": Buffer.from("%PDF-1.7"), "empty.png": Buffer.alloc(0) });
    const secret = join(await temporaryDirectory(), "secret.png");
    await writeFile(secret, PNG);
    await symlink(secret, join(workspace, "attachments/m/link.png"));
    const names = ["pdf.png", "empty.png", "gone.png", "link.png"];
    expect(
      await readPictures(
        names.map((name) => attached(name)),
        workspace,
        logger,
      ),
    ).toEqual([]);
    const folder: TurnAttachment = { ...attached(""), path: "attachments" };
    expect(await readPictures([folder], workspace, logger)).toEqual([]);
  });

  it("are never more than fit into one message to the gateway", async () => {
    const large = Buffer.concat([PNG, Buffer.alloc(MAX_PICTURE_BYTES - PNG.length)]);
    const workspace = await workspaceWith({
      "larger.png": Buffer.concat([large, Buffer.alloc(1)]),
      "1.png": large,
      "2.png": large,
      "3.png": PNG,
    });
    const names = ["larger.png", "1.png", "2.png", "3.png"];
    const pictures = await readPictures(
      names.map((name) => attached(name)),
      workspace,
      logger,
    );
    expect(pictures.map(({ fileName }) => fileName)).toEqual(["1.png", "2.png"]);
    const bytes = pictures.reduce((sum, { content }) => sum + content.length, 0);
    expect(bytes).toBeLessThanOrEqual(Math.ceil(MAX_PICTURES_BYTES / 3) * 4 + 8);
  });
});
