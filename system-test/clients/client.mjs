// A remote-controlled supabase-js client: commands as JSON lines on standard input, what happens as JSON lines on
// standard output. The Java tests drive the database and this, and compare.
import { createInterface } from "node:readline";
import ws from "ws";

const clients = new Map();
const channels = new Map();
const tokens = new Map();
const say = (message) => process.stdout.write(JSON.stringify(message) + "\n");

/** The parts of a client that the commands use, whichever library it is. */
async function open({ library, url, key, token, vsn, client, auth, tokenDelay }) {
  if (library === "phoenix") return openPhoenix(url, key);
  if (library.startsWith("realtime-js")) {
    const { RealtimeClient } = await import(library);
    // 2.10 loads ws by itself, and never listens on one that it is given
    const transport = library.endsWith("2.10") ? {} : { transport: ws };
    const realtime = new RealtimeClient(url.replace("http", "ws") + "/realtime/v1", { params: { apikey: key }, ...transport });
    if (token) await realtime.setAuth(token);
    return { realtime, channel: (name, options) => realtime.channel(name, options),
      removeChannel: (channel) => realtime.removeChannel(channel) };
  }
  if (library.startsWith("postgrest-js")) {
    const { PostgrestClient } = await import(library);
    return new PostgrestClient(url + "/rest/v1", { headers: { apikey: key, Authorization: `Bearer ${token ?? key}` } });
  }
  const { createClient } = await import(library);
  const old = library.endsWith("2.45"); // its realtime-js is 2.10, and hears of tokens by setAuth alone
  const options = { ...(auth ? { auth } : {}), realtime: old ? {} : { transport: ws, ...(vsn ? { vsn } : {}) } };
  if (token) options.accessToken = async () => {
    if (tokenDelay) await new Promise((done) => setTimeout(done, tokenDelay));
    return tokens.get(client);
  };
  const created = createClient(url, key, options);
  if (old && token) await created.realtime.setAuth(token);
  return created;
}

/** Phoenix' own client, behind the calls of Supabase's. */
async function openPhoenix(url, key) {
  const { Socket, Presence } = await import("phoenix");
  const socket = new Socket(url.replace("http", "ws") + "/socket", { params: { apikey: key }, transport: ws });
  socket.connect();
  return {
    removeChannel: (channel) => new Promise((done) => channel.leave().receive("ok", () => done("ok"))),
    channel: (name, options) => {
      const changes = [];
      const channel = socket.channel("realtime:" + name, () =>
        ({ config: { ...options.config, postgres_changes: changes }, ...(channel?.token ? { access_token: channel.token } : {}) }));
      const presence = new Presence(channel);
      const broadcasts = [];
      channel.onMessage = (event, payload) => {
        if (event === "broadcast") broadcasts.forEach((callback) => callback(payload));
        return payload;
      };
      const own = channel;
      return Object.assign(Object.create(channel), {
        on: (type, filter, callback) => {
          if (type === "postgres_changes") {
            changes.push(filter);
            own.on(type, ({ data }) => callback({ eventType: data.type, new: data.record ?? {}, old: data.old_record ?? {} }));
          } else if (type === "broadcast") broadcasts.push(callback);
          else if (type === "presence") presence.onSync(() => callback());
          else own.on(type, callback);
        },
        presenceState: () => presence.state,
        subscribe: (callback) => own.join()
          .receive("ok", () => callback("SUBSCRIBED"))
          .receive("error", (reason) => callback("CHANNEL_ERROR", new Error(JSON.stringify(reason)))),
        send: ({ event, payload }) => new Promise((done) => own.push("broadcast", { type: "broadcast", event, payload })
          .receive("ok", () => done("ok")).receive("error", () => done("error"))),
        track: (payload) => new Promise((done) => own.push("presence", { type: "presence", event: "track", payload })
          .receive("ok", () => done("ok"))),
        untrack: () => new Promise((done) => own.push("presence", { type: "presence", event: "untrack" })
          .receive("ok", () => done("ok"))),
        leave: () => own.leave(),
      });
    },
  };
}

const bytes = (text) => new TextEncoder().encode(text).buffer;
const of = ({ client, channel }) => channels.get(`${client}/${channel}`);

/** Names in tests' arguments for what JSON cannot say. */
const revive = (value) => value?.$date ? new Date(value.$date) : value?.$undefined ? undefined
  : Array.isArray(value) ? value.map(revive)
  : value && typeof value === "object" ? Object.fromEntries(Object.entries(value).map(([k, v]) => [k, revive(v)])) : value;

/** What a promise of a client gives, as JSON can say it. */
const plain = (result) => JSON.parse(JSON.stringify(result ?? null, (key, value) =>
  value instanceof Error ? { name: value.name, message: value.message, code: value.code, status: value.status, details: value.details,
    hint: value.hint, reasons: value.reasons } : value));

const commands = {
  /** Calls one method after the other, [["from", "films"], ["select", "*"]], each on what the former gave; "auth.signUp" goes by way. */
  async run({ client, id, chain }) {
    let value = clients.get(client);
    for (const [name, ...args] of chain) {
      const path = name.split(".");
      const method = path.pop();
      const target = path.reduce((object, part) => object[part], value);
      value = target[method](...args.map(revive));
      if (name.startsWith("auth.")) value = await value;
    }
    let result;
    try { result = plain(await value); } catch (error) { result = { thrown: plain(error) }; }
    say({ kind: "result", client, id, result });
  },
  async connect(command) {
    tokens.set(command.client, command.token);
    clients.set(command.client, await open(command));
    say({ kind: "connected", client: command.client });
  },
  /** Both in one tick: the join goes out before the client has asked for its token. */
  async connectSubscribed(command) {
    tokens.set(command.client, command.token);
    clients.set(command.client, await open(command));
    await commands.subscribe(command);
  },
  async subscribe({ client, channel, bindings, config }) {
    const subscription = clients.get(client).channel(channel, { config: config ?? {} });
    for (const binding of bindings ?? []) {
      subscription.on("postgres_changes", binding, (change) => say({ kind: "change", client, channel, change }));
    }
    subscription.on("system", {}, (payload) => say({ kind: "system", client, channel, payload }));
    subscription.on("live", {}, ({ ops }) => say({ kind: "live", client, channel, ops }));
    subscription.on("broadcast", { event: "*" }, ({ event, payload, meta }) => say(payload instanceof ArrayBuffer
      ? { kind: "broadcast", client, channel, event, bytes: new TextDecoder().decode(payload) }
      : { kind: "broadcast", client, channel, event, payload, meta }));
    if (config?.presence) {
      subscription.on("presence", { event: "sync" }, () =>
        say({ kind: "presence", client, channel, state: subscription.presenceState() }));
    }
    subscription.subscribe((status, error) =>
      say({ kind: "status", client, channel, status, error: error?.message ?? null }));
    channels.set(`${client}/${channel}`, subscription);
  },
  async send({ client, channel, event, payload, text, persist }) {
    const message = { type: "broadcast", event, payload: text ? bytes(text) : payload };
    const result = await of({ client, channel }).send(persist ? { ...message, persist } : message);
    say({ kind: "sent", client, channel, event, result });
  },
  /** Over HTTP, on a channel that is not joined. */
  async httpSend({ client, channel, event, payload, text, config, persist }) {
    const unjoined = clients.get(client).channel(channel, ...(config ? [{ config }] : []));
    const result = unjoined.httpSend
      ? (await unjoined.httpSend(event, text ? bytes(text) : payload, persist ? { persist } : undefined)).success
      : (await unjoined.send({ type: "broadcast", event, payload })) === "ok";
    say({ kind: "sent", client, channel, event, result });
  },
  async track({ client, channel, payload }) {
    say({ kind: "tracked", client, channel, result: await of({ client, channel }).track(payload) });
  },
  async untrack({ client, channel }) {
    say({ kind: "untracked", client, channel, result: await of({ client, channel }).untrack() });
  },
  /** The methods that a client and its channels have for applications. */
  async surface({ client, channel }) {
    const of = (object) => Object.getOwnPropertyNames(Object.getPrototypeOf(object))
      .filter((name) => !name.startsWith("_") && name !== "constructor")
      .filter((name) => typeof Object.getOwnPropertyDescriptor(Object.getPrototypeOf(object), name).value === "function");
    const realtime = clients.get(client).realtime;
    say({ kind: "surface", client, methods: [...of(realtime), ...of(realtime.channel(channel))] });
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
    commands[command.command](command).catch((error) => say({ kind: "failed", command, error: String(error?.stack ?? error) }));
  })
  .on("close", () => process.exit(0));
say({ kind: "ready" });
