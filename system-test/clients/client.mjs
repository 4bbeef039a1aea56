// A remote-controlled supabase-js client: commands as JSON lines on standard input, what happens as JSON lines on
// standard output. The Java tests drive the database and this, and compare.
import { createInterface } from "node:readline";
import ws from "ws";

const clients = new Map();
const channels = new Map();
const tokens = new Map();
const say = (message) => process.stdout.write(JSON.stringify(message) + "\n");

const commands = {
  async connect({ client, library, url, key, token, vsn }) {
    const { createClient } = await import(library);
    tokens.set(client, token);
    const options = { realtime: { transport: ws, ...(vsn ? { vsn } : {}) } };
    if (token) options.accessToken = async () => tokens.get(client);
    clients.set(client, createClient(url, key, options));
    say({ kind: "connected", client });
  },
  async subscribe({ client, channel, bindings, config }) {
    const subscription = clients.get(client).channel(channel, { config: config ?? {} });
    for (const binding of bindings) {
      subscription.on("postgres_changes", binding, (change) => say({ kind: "change", client, channel, change }));
    }
    subscription.on("system", {}, (payload) => say({ kind: "system", client, channel, payload }));
    subscription.subscribe((status, error) =>
      say({ kind: "status", client, channel, status, error: error?.message ?? null }));
    channels.set(`${client}/${channel}`, subscription);
  },
  async setToken({ client, token }) {
    tokens.set(client, token);
    await clients.get(client).realtime.setAuth();
    say({ kind: "tokenSet", client });
  },
  async removeChannel({ client, channel }) {
    const result = await clients.get(client).removeChannel(channels.get(`${client}/${channel}`));
    say({ kind: "removed", client, channel, result });
  },
};

createInterface({ input: process.stdin })
  .on("line", (line) => {
    const command = JSON.parse(line);
    commands[command.command](command).catch((error) => say({ kind: "failed", command, error: String(error) }));
  })
  .on("close", () => process.exit(0));
say({ kind: "ready" });
