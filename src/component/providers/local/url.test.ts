import { describe, expect, it } from "vitest";
import { isAgentFactoryError } from "../../../shared/errors.js";
import { localProviderUrl } from "./url.js";

function refusalOf(url: string | undefined): unknown {
  try {
    return localProviderUrl(url);
  } catch (error) {
    return isAgentFactoryError(error) ? error.data : error;
  }
}

describe("the URL of a local provider, to which a token is sent", () => {
  it("is taken on this very machine", () => {
    for (const url of [
      "http://127.0.0.1:4280/v1",
      "http://localhost:1/v1",
      "http://[::1]:4280",
      "HTTP://LOCALHOST/v1",
    ]) {
      expect(localProviderUrl(url)).toBe(url);
    }
  });

  it("is refused anywhere else, however local it looks, and not repeated", () => {
    const elsewhere = [
      undefined,
      "",
      "localhost:4280",
      "https://api.machines.dev/v1",
      "http://localhost.evil.example/v1",
      "http://127.0.0.1.evil.example/v1",
      "http://127.0.0.1@evil.example/v1",
      "http://evil.example/?x=http://127.0.0.1",
      "http://evil.example#@127.0.0.1",
      "http://0.0.0.0:4280",
      "http://10.0.0.1",
      "http://[fdaa::3]:4280",
    ];
    for (const url of elsewhere) {
      expect(refusalOf(url), url).toMatchObject({
        kind: "provider_config_missing",
        message: expect.not.stringContaining("evil") as string,
      });
    }
  });
});
