import { createServer, request as httpRequest, type Server } from "node:http";
import { connect, type Socket } from "node:net";

/** What happens to new WebSockets, and to those that are there. */
export type SocketMode = "up" | "refused" | "black hole";

/**
 * A way to the server that can be broken: WebSockets are refused, swallowed or cut by themselves, or everything is down.
 */
export class BreakingProxy {
  mode: SocketMode = "up";
  /** Whether plain requests get through. */
  http = true;
  readonly #target: number;
  readonly #sockets = new Set<Socket>();
  readonly #lost = new WeakSet<Socket>();
  readonly #server: Server;

  constructor(target: number) {
    this.#target = target;
    this.#server = createServer((incoming, answer) => {
      if (!this.http) {
        incoming.socket.destroy();
        return;
      }
      const options = {
        port: target,
        host: "127.0.0.1",
        method: incoming.method,
        path: incoming.url,
        headers: incoming.headers,
      };
      const forwarded = httpRequest(options, (response) => {
        answer.writeHead(response.statusCode ?? 502, response.headers);
        response.pipe(answer);
      });
      forwarded.on("error", () => incoming.socket.destroy());
      answer.on("error", () => forwarded.destroy());
      incoming.pipe(forwarded);
    });
    this.#server.on("upgrade", (incoming, socket: Socket, head: Buffer) => {
      if (this.mode === "refused") {
        socket.destroy();
        return;
      }
      this.#sockets.add(socket);
      socket.on("error", () => socket.destroy());
      socket.on("close", () => this.#sockets.delete(socket));
      if (this.mode === "black hole") return;
      const upstream = connect(this.#target, "127.0.0.1", () => {
        const headers = Object.entries(incoming.headers).map(([name, value]) => `${name}: ${value}`);
        upstream.write(`GET ${incoming.url} HTTP/1.1\r\n${headers.join("\r\n")}\r\n\r\n`);
        upstream.write(head);
      });
      upstream.on("data", (data) => this.#passes(socket) && socket.write(data));
      socket.on("data", (data) => this.#passes(socket) && upstream.write(data));
      upstream.on("error", () => socket.destroy());
      upstream.on("close", () => this.#passes(socket) && socket.destroy());
      socket.on("close", () => upstream.destroy());
    });
  }

  #passes(socket: Socket): boolean {
    return this.mode !== "black hole" && !this.#lost.has(socket);
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    const address = this.#server.address();
    return `http://127.0.0.1:${typeof address === "object" && address ? address.port : 0}`;
  }

  get sockets(): number {
    return this.#sockets.size;
  }

  /** What is there from now on swallows everything, also closing frames; new ones are as the mode says. */
  forget(): void {
    for (const socket of this.#sockets) {
      this.#lost.add(socket);
    }
  }

  /** Ends the WebSockets that are there. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Nothing gets through, nothing new is taken. */
  down(): void {
    this.mode = "refused";
    this.http = false;
    this.cut();
  }

  up(): void {
    this.mode = "up";
    this.http = true;
  }

  async close(): Promise<void> {
    this.cut();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
