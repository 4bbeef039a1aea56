import type { QueryShape } from "./query.ts";
import { decidingColumns } from "./rows.ts";
import type { ChannelSpec, KeptQuery } from "./transport.ts";

/** What a list joins, in the order of what it listens to. @param since where its channel goes on */
export function channelsOf(shape: QueryShape, deltas: boolean, since: string | undefined): ChannelSpec[] {
  const delta = deltas ? decidingColumns(shape) : undefined;
  return shape.changes.map((changes) => {
    const name = [`live:${changes.schema}.${changes.table}`, changes.filter, delta?.join()].filter(Boolean).join(":");
    return { name, changes: [{ ...changes, ...(delta ? { delta } : {}), leave: true }], ...(since ? { since } : {}) };
  });
}

let made = 0;

/** What a list joins whose answer the server keeps: each time a channel of its own, which is told all as it is joined. */
export function channelOfKept(query: KeptQuery): ChannelSpec {
  return { name: `live:${query.schema}.${query.table}:kept:${++made}`, kept: query };
}
