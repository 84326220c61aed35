import { describe, expect, it } from "vitest";
import { describeFile, isPicture, nameOf, spokenFiles } from "./files";

const file = (fileName: string | null, mimeType: string | null = null, sizeBytes: number | null = null) => ({
  fileName,
  mimeType,
  sizeBytes,
});

describe("a file", () => {
  it("is told by its kind and size, as far as they are known", () => {
    expect(describeFile(file("report.pdf", "application/pdf", 1_300_000))).toBe("PDF · 1.2 MB");
    expect(describeFile(file("Makefile", null, 12))).toBe("12 B");
    expect(describeFile(file(null, "image/png"))).toBe("PNG");
    expect(describeFile(file("archive.tar.gz", "application/gzip", 2048))).toBe("GZ · 2.0 KB");
    expect(describeFile(file(null, "application/vnd.oasis.opendocument.text"))).toBe("");
  });

  it("has a name, and is said by it", () => {
    expect([nameOf(file("a.txt")), nameOf(file(null, "image/png")), nameOf(file(null))]).toEqual([
      "a.txt",
      "Picture",
      "File",
    ]);
    expect(spokenFiles([file("a.txt"), file(null, "image/png")])).toBe("Your agent sent: a.txt, Picture.");
    expect(spokenFiles([])).toBe("");
  });

  it("is shown as a picture only if it can be nothing else", () => {
    expect(["image/png", "image/svg+xml", "text/html", null].map(isPicture)).toEqual([true, false, false, false]);
  });
});
