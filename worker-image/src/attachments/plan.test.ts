/** Which files are fetched, under which names. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MAX_ATTACHMENT_BYTES, MAX_MESSAGE_ATTACHMENT_BYTES } from "../../../src/shared/attachments.js";
import type { Attachment } from "../../../src/shared/payload.js";
import { wellFormed } from "../well-formed.js";
import { withAttachments, withoutAttachments } from "./describe.js";
import { planAttachments } from "./plan.js";

const file = (change: Partial<Attachment> = {}): Attachment => ({
  kind: "document",
  status: "ready",
  storageId: "s",
  expiresAt: 0,
  downloadUrl: "http://127.0.0.1/file",
  ...change,
});
const names = (...files: Partial<Attachment>[]) => planAttachments(files.map(file), "m").map(({ name }) => name);
const why = (...files: Partial<Attachment>[]) =>
  planAttachments(files.map(file), "m").map((planned) => (planned.decision === "leave" ? planned.why : null));

describe("names", () => {
  it("are the sender's, without what could lead somewhere, and each its own", () => {
    expect(names({ fileName: "report.pdf" }, { fileName: "Report.PDF" }, { fileName: "report.pdf" })).toEqual([
      "report.pdf",
      "Report-2.PDF",
      "report-3.pdf",
    ]);
    expect(names({ fileName: "../../etc/passwd" }, { fileName: "..\\x" }, { fileName: ".bashrc" })).toEqual([
      "passwd",
      "x",
      "bashrc",
    ]);
    expect(names({ fileName: "CON" }, { fileName: "aux.txt" }, { fileName: "console.log" })).toEqual([
      "_CON",
      "_aux.txt",
      "console.log",
    ]);
    expect(names({ kind: "photo", mimeType: "image/jpeg; q=1" }, { fileName: " .. " }, { kind: "voice" })).toEqual([
      "photo-1.jpg",
      "document-2.bin",
      "voice-3.bin",
    ]);
  });

  it("are names of files on any disk, whatever the sender wrote", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "binary", maxLength: 300 }), { maxLength: 16 }), (given) => {
        const planned = names(...given.map((fileName) => ({ fileName })));
        for (const name of planned) {
          expect(name).not.toMatch(/[/\\\u0000-\u001f]|^\.|^\s*$/);
          expect(Buffer.byteLength(name)).toBeLessThanOrEqual(140);
          expect(wellFormed(name)).toBe(name);
        }
        expect(new Set(planned.map((name) => name.toLowerCase())).size).toBe(planned.length);
      }),
      { numRuns: 40 },
    );
  });
});

describe("files that are left", () => {
  it("say why: expired, of another type, programs, too large, too many bytes together", () => {
    expect(why({ status: "expired" })[0]).toMatch(/expired/);
    expect(planAttachments([{ ...file(), downloadUrl: "" }], "m")[0]?.decision).toBe("fetch");
    expect(why({ kind: "photo", mimeType: "application/pdf" })[0]).toMatch(
      /\(application\/pdf\) are not taken as a photo/,
    );
    expect(why({ mimeType: "application/x-msdownload" }, { fileName: "setup.EXE" })).not.toContain(null);
    expect(why({ sizeBytes: MAX_ATTACHMENT_BYTES + 1 })[0]).toMatch(/larger than 64 MB/);
    const large = { sizeBytes: MAX_ATTACHMENT_BYTES };
    expect(why(large, large, { sizeBytes: 1 })).toEqual([null, null, expect.stringMatching(/128 MB together/)]);
  });

  it("never let the rest be more than a message may bring", () => {
    const size = fc.option(fc.nat(2 * MAX_ATTACHMENT_BYTES), { nil: undefined });
    fc.assert(
      fc.property(fc.array(size, { maxLength: 16 }), (sizes) => {
        const files = sizes.map((sizeBytes) => file(sizeBytes === undefined ? {} : { sizeBytes }));
        const fetched = planAttachments(files, "m").flatMap((planned) =>
          planned.decision === "fetch" ? [planned.attachment.sizeBytes ?? planned.maxBytes] : [],
        );
        expect(fetched.reduce((sum, bytes) => sum + bytes, 0)).toBeLessThanOrEqual(MAX_MESSAGE_ATTACHMENT_BYTES);
      }),
    );
  });
});

describe("the message", () => {
  it("names each file and what is missing, and is untouched without any", () => {
    expect(withAttachments("hello", [], [])).toBe("hello");
    const photo = { path: "attachments/m/a.png", kind: "photo" as const, mimeType: "image/png", sizeBytes: 3 };
    expect(withAttachments("look", [photo], [{ name: "b.pdf", why: "it has expired" }])).toBe(
      "look\n\n[Files sent with this message, in the workspace:]\n" +
        "- attachments/m/a.png (photo, image/png, 3 bytes)\n- b.pdf: not available, because it has expired",
    );
    expect(withAttachments(" ", [photo], [])).toMatch(/^\[Files sent/);
    for (const said of ["look", "", "[Files sent"]) {
      expect(withoutAttachments(withAttachments(said, [photo], []))).toBe(said);
      expect(withoutAttachments(said)).toBe(said);
    }
  });
});
