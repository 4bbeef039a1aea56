import { type ChildProcess, spawn } from "node:child_process";
import { createHmac } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const JAR = new URL("../../server/target/switchboard.jar", import.meta.url).pathname;
const JAVA = process.env.JAVA_HOME ? join(process.env.JAVA_HOME, "bin/java") : "java";

/** A Switchboard of its own: the jar under the demo, in a process that can be killed. */
export class TestServer {
  readonly port: number;
  readonly directory = mkdtempSync(join(tmpdir(), "switchboard-e2e-"));
  serviceKey = "";
  anonKey = "";
  readonly #options: readonly string[];
  #process: ChildProcess | undefined;

  private constructor(port: number, options: readonly string[]) {
    this.port = port;
    this.#options = options;
  }

  /** @param options of `start`, beside `--demo` */
  static async start(...options: string[]): Promise<TestServer> {
    const server = new TestServer(await freePort(), options);
    await server.start();
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get jwtSecret(): string {
    const secrets = readFileSync(join(this.directory, "data/secrets.properties"), "utf8");
    return /^jwt-secret\s*=\s*(.*)$/m.exec(secrets)?.[1]?.replaceAll("\\", "") ?? "";
  }

  /** A token of a user, signed as the server signs. */
  token(subject: string, seconds = 3600): string {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const now = Math.floor(Date.now() / 1000);
    const body = `${part({ alg: "HS256", typ: "JWT" })}.${part({ iss: "switchboard", sub: subject, role: "authenticated", aud: "authenticated", iat: now, exp: now + seconds })}`;
    return `${body}.${createHmac("sha256", this.jwtSecret).update(body).digest("base64url")}`;
  }

  /** @returns milliseconds until it answered */
  async start(): Promise<number> {
    const began = Date.now();
    const args = ["-XX:+UseSerialGC", "-Xmx700m", "-jar", JAR, "start", "--demo", "--port", String(this.port)];
    const child = spawn(JAVA, [...args, "--data-dir", join(this.directory, "data"), ...this.#options], {
      cwd: this.directory,
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#process = child;
    let output = "";
    await new Promise<void>((resolve, reject) => {
      const read = (chunk: Buffer) => {
        output += String(chunk);
        if (output.includes("Ctrl-C stops everything")) resolve();
      };
      child.stdout.on("data", read);
      child.stderr.on("data", read);
      child.once("exit", (code) => reject(new Error(`the server ended with ${code}: ${output}`)));
    });
    this.serviceKey = /service key\s+(\S+)/.exec(output)?.[1] ?? "";
    this.anonKey = /anon key\s+(\S+)/.exec(output)?.[1] ?? "";
    return Date.now() - began;
  }

  /** Gone without a word. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  async stop(): Promise<void> {
    await this.#end("SIGTERM");
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** Asks `/api` as a program. */
  async post(path: string, body: object = {}): Promise<{ status: number; json: Record<string, never> }> {
    const response = await fetch(`${this.url}/api${path}`, {
      method: "POST",
      headers: { Authorization: `Bearer ${this.serviceKey}`, "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    return { status: response.status, json: (await response.json()) as Record<string, never> };
  }

  /** Writes rows as a program, past every policy. */
  async insert(table: string, rows: object): Promise<void> {
    await this.asService(`/rest/v1/${table}`, rows);
  }

  /** Deletes rows as a program. */
  async remove(rows: string): Promise<void> {
    const response = await fetch(`${this.url}/rest/v1/${rows}`, {
      method: "DELETE",
      headers: { Authorization: `Bearer ${this.serviceKey}`, apikey: this.serviceKey },
    });
    if (!response.ok) throw new Error(`${rows}: ${response.status} ${await response.text()}`);
  }

  /** Posts as a program, and fails where the server does. */
  async asService(path: string, body: object): Promise<string> {
    const response = await fetch(this.url + path, {
      method: "POST",
      signal: AbortSignal.timeout(60_000),
      headers: {
        Authorization: `Bearer ${this.serviceKey}`,
        apikey: this.serviceKey,
        "Content-Type": "application/json",
      },
      body: JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${path}: ${response.status} ${text}`);
    return text;
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process;
    if (child && child.exitCode === null && child.signalCode === null) {
      const gone = new Promise((resolve) => child.once("exit", resolve));
      child.kill(signal);
      await gone;
    }
  }
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return typeof address === "object" && address ? address.port : 0;
}

/** Awaits a condition, with a deadline that names what was awaited. */
export async function eventually<T>(what: string, check: () => Promise<T> | T, ms = 15_000): Promise<T> {
  const deadline = Date.now() + ms;
  let last: unknown;
  for (;;) {
    try {
      const value = await check();
      if (value) return value;
    } catch (error) {
      last = error;
    }
    if (Date.now() > deadline) throw new Error(`not within ${ms} ms: ${what}`, { cause: last });
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
