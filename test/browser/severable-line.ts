/** A TCP line between the pages and the backend that a test can cut, as a train does when it enters a tunnel. */
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

export interface SeverableLine {
  /** What stands for the backend's URL while the line holds. */
  url: string;
  /** Drops every connection and refuses new ones. */
  cut(): void;
  mend(): void;
  close(): Promise<void>;
}

export async function openLine(targetUrl: string): Promise<SeverableLine> {
  const target = new URL(targetUrl);
  const sockets = new Set<Socket>();
  let isCut = false;
  const track = (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    // The other end sees the connection close; there is nothing else to do about it.
    socket.on("error", () => socket.destroy());
  };
  const server = createServer((client) => {
    track(client);
    if (isCut) {
      client.resetAndDestroy();
      return;
    }
    const backend = connect(Number(target.port), target.hostname);
    track(backend);
    client.pipe(backend).pipe(client);
    client.once("close", () => backend.destroy());
    backend.once("close", () => client.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The line has no port although it listens.");
  const drop = () => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  return {
    url: `http://127.0.0.1:${address.port}`,
    cut: () => {
      isCut = true;
      drop();
    },
    mend: () => {
      isCut = false;
    },
    close: async () => {
      const closed = once(server, "close");
      server.close();
      drop();
      await closed;
    },
  };
}
