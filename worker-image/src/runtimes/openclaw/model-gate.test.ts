/** Between the gateway and its model: who may ask, with which key, and when. */
import { describe, expect, it, onTestFinished } from "vitest";
import { ModelStub, type ModelScript } from "../../testing/model-stub.js";
import { ModelGate } from "./model-gate.js";

async function setting(script?: ModelScript) {
  const stub = await ModelStub.start((stop) => onTestFinished(stop), script);
  const gate = new ModelGate(stub.baseUrl);
  onTestFinished(() => gate.stop());
  const { baseUrl, token } = await gate.start();
  const ask = async (given: { token?: string; path?: string; text?: string; method?: string } = {}) => {
    const { method = "POST", text = "hello you" } = given;
    const body = JSON.stringify({ model: "m", stream: true, messages: [{ role: "user", content: text }] });
    return await fetch(`${baseUrl}${given.path ?? "/chat/completions"}`, {
      method,
      headers: { "content-type": "application/json", authorization: `Bearer ${given.token ?? token}` },
      ...(method === "POST" && { body }),
      signal: AbortSignal.timeout(20_000),
    });
  };
  return { stub, gate, ask };
}

describe("the gate of a model", () => {
  it("passes a turn's requests on with the key that only it knows", async () => {
    const { stub, gate, ask } = await setting();
    gate.open("the-key-of-the-provider");
    const answer = await ask();
    expect(answer.status).toBe(200);
    expect(answer.headers.get("content-type")).toBe("text/event-stream");
    expect(await answer.text()).toContain('"content":"hello "');
    expect(stub.requests.map(({ authorization }) => authorization)).toEqual(["Bearer the-key-of-the-provider"]);
    expect(gate.refused).toBeNull();
    gate.open(null);
    await (await ask()).text();
    expect(stub.requests[1]?.authorization).toBeUndefined();
  });

  it("lets nobody else in, nothing else through, and nothing between turns", async () => {
    const { stub, gate, ask } = await setting();
    expect((await ask()).status).toBe(400);
    gate.open("key-0123456789");
    expect((await ask({ token: "wrong" })).status).toBe(401);
    expect((await ask({ path: "/models", method: "GET" })).status).toBe(404);
    expect((await ask({ path: "/files" })).status).toBe(404);
    gate.close();
    expect((await ask()).status).toBe(400);
    expect(stub.requests).toEqual([]);
  });

  it("tells the worker how the provider refused, and the gateway no more than it can bear", async () => {
    const refusals: [status: number, kind: string, passedOn: number][] = [
      [401, "unauthorized", 400],
      [402, "budget_exceeded", 400],
      [403, "forbidden", 400],
      [404, "config_error", 404],
      [429, "rate_limited", 429],
      [500, "unreachable", 500],
      [529, "overloaded", 529],
    ];
    const { gate, ask } = await setting((_, index) => {
      const status = refusals[index]?.[0];
      const message = "Wrong key the-key-of-the-provider.";
      return status === undefined ? { text: ["ok"] } : { refusal: { status, message, retryAfter: "7" } };
    });
    gate.open("the-key-of-the-provider");
    for (const [, kind, passedOn] of refusals) {
      const answer = await ask();
      expect(answer.status).toBe(passedOn);
      expect(answer.headers.get("retry-after")).toBe(passedOn === 400 ? null : "7");
      expect(await answer.text()).not.toContain("the-key-of-the-provider");
      expect(gate.refused?.kind).toBe(kind);
      expect(gate.refused?.message).not.toContain("the-key-of-the-provider");
      if (kind === "rate_limited") expect(gate.refused?.retryAfterMs).toBe(7_000);
    }
    await (await ask()).text();
    expect(gate.refused).toBeNull();
  });

  it("says when the provider cannot be reached or breaks off", async () => {
    const { stub, gate, ask } = await setting((_, index) => ({ text: ["half"], fault: index === 0 ? "cut" : "hang" }));
    gate.open(null);
    await expect((await ask()).text()).rejects.toThrow();
    expect(gate.refused?.kind).toBe("unreachable");
    await stub.stop();
    expect((await ask()).status).toBe(502);
    expect(gate.refused?.kind).toBe("unreachable");
  });

  it("breaks a request off when its turn ends, and when the gateway does not want it any more", async () => {
    const { stub, gate, ask } = await setting(() => ({ text: ["half"], fault: "hang" }));
    gate.open(null);
    const first = await ask();
    gate.close();
    await expect(first.text()).rejects.toThrow();
    gate.open(null);
    const second = await ask();
    await second.body?.cancel();
    await expect.poll(() => stub.aborted, { timeout: 20_000 }).toBe(2);
    expect(gate.refused).toBeNull();
  });
});
