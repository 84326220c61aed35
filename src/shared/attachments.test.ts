import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isTakenAs, kindOfMedia, labelContentType, mediaTypeOf, uploadIdOf } from "./attachments.js";

describe("the label of an upload", () => {
  it("is found again in the type that storage keeps, beside the type of the file", () => {
    const label = labelContentType("Image/PNG; q=1", "k17abc");
    expect(label).toBe('image/png; upload="k17abc"');
    expect([mediaTypeOf(label), uploadIdOf(label)]).toEqual(["image/png", "k17abc"]);
  });

  it("is one header, whatever the sender calls the type of their file", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (mimeType) => {
        const label = labelContentType(mimeType, "id");
        expect(label).toMatch(/^[\x21-\x7e]+\/[\x21-\x7e]+; upload="id"$/);
        expect(uploadIdOf(label)).toBe("id");
      }),
    );
    for (const odd of [undefined, "", "pdf", "text/plain\r\nX: 1", 'a/b"']) {
      expect(labelContentType(odd, "id")).toBe('application/octet-stream; upload="id"');
    }
  });

  it("is nothing that other types have", () => {
    for (const type of [undefined, null, "", "image/png", "text/plain; charset=utf-8", "image/png; upload=id"]) {
      expect(uploadIdOf(type)).toBeNull();
    }
  });
});

describe("kinds", () => {
  it("follow from the type, and are documents otherwise", () => {
    const kinds = ["image/png", "video/mp4", "audio/ogg", "image/svg+xml", "application/pdf", null].map(kindOfMedia);
    expect(kinds).toEqual(["photo", "video", "audio", "document", "document", "document"]);
    fc.assert(
      fc.property(fc.constantFrom("image/x", "video/x", "audio/x", "text/x", null), (type) =>
        isTakenAs(kindOfMedia(type), type, "a"),
      ),
    );
  });

  it("are held against type and name, and programs are of none", () => {
    expect(isTakenAs("photo", "application/pdf", "a.png")).toBe(false);
    expect(isTakenAs("document", "application/pdf", "a.pdf")).toBe(true);
    expect(isTakenAs("photo", null, "a.png")).toBe(true);
    expect(isTakenAs("document", "application/x-msdownload", "a")).toBe(false);
    expect(isTakenAs("document", "text/plain", "setup.EXE")).toBe(false);
  });
});
