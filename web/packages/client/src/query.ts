import { type Condition, type Order, parseOrder, parseParameter } from "./conditions.ts";
import type { AnySupabaseClient } from "./supabase-transport.ts";
import type { ChangesOf, KeptQuery, Row } from "./transport.ts";

/** What a request answered, as postgrest-js gives it. */
export interface QueryAnswer {
  readonly data: unknown;
  readonly error: { readonly message: string; readonly code?: string } | null;
  readonly count?: number | null;
  readonly status: number;
}

/** An ordinary postgrest-js builder that has not been sent: `sb.from("calls").select().eq("state", "active")`. */
export interface Query<T> extends PromiseLike<{ readonly data: T | null; readonly error: unknown }> {
  abortSignal(signal: AbortSignal): PromiseLike<unknown>;
  /** Of newer builders: whether they ask again by themselves. */
  retry?(enabled: boolean): unknown;
}

/** A query as a function of the client, made anew for each request; null: nothing to ask yet. */
export type QueryOf<T> = (client: AnySupabaseClient) => Query<T> | null;

/** What can be known of a query without asking it. */
export interface QueryShape {
  readonly schema: string;
  readonly table: string;
  /** Equal for queries that ask the same. */
  readonly id: string;
  /** All of its conditions, joined by AND. */
  readonly condition: Condition;
  readonly order: readonly Order[];
  readonly limit: number | undefined;
  /** The columns wanted; undefined: all. */
  readonly columns: readonly string[] | undefined;
  /**
   * Whether a changed row says by itself what becomes of the list. Not so with embedded tables, computed columns, counts
   * and offsets: such a list asks again when something changes.
   */
  readonly isLocal: boolean;
  /** What to subscribe to: the conditions on columns that never change; the others are decided here. */
  readonly changes: readonly ChangesOf[];
  /** As the server could keep it: all but counts, single objects and what is asked with headers of one's own. */
  readonly kept?: KeptQuery;
  /** Whether the answer is one value, kept as the one row `{ value }`. */
  readonly isValue?: boolean;
}

/** A question whose answer is one value: a function call, or a count. */
export type ValueOf<T> = (client: AnySupabaseClient) => Query<T> | null;

/**
 * The shape of a value that depends on tables.
 *
 * @param id equal for questions that ask the same
 */
export function valueShape(id: string, changes: readonly ChangesOf[]): QueryShape {
  return {
    schema: changes[0]?.schema ?? "public",
    table: id,
    id,
    condition: { kind: "undecidable" },
    order: [],
    limit: undefined,
    columns: undefined,
    isLocal: false,
    changes,
    isValue: true,
  };
}

/** Columns that stay as they are for a row's life: the server may filter by them without hiding the row that leaves. */
export const STABLE_COLUMNS: readonly string[] = ["id", "organization_id", "org_id"];

/** With others a policy may answer otherwise, which a query that is kept has not. */
const USUAL_HEADERS = [
  "accept",
  "accept-profile",
  "apikey",
  "authorization",
  "content-type",
  "prefer",
  "x-client-info",
];
/** Of what a server keeps, in characters. */
const LONGEST_KEPT = 8_000;
const RESERVED = new Set(["select", "order", "limit", "offset", "columns", "on_conflict"]);
const PLAIN_COLUMN = /^[\p{L}_][\p{L}\p{N}_$]*$/u;

/**
 * Looks at a builder before it is sent.
 *
 * @param stable columns by which the server may filter changes, beside {@link STABLE_COLUMNS}
 * @param key    the table's key
 * @throws TypeError for what is no query of rows (a function call, a write)
 */
export function describe(builder: object, stable: readonly string[], key: readonly string[]): QueryShape {
  const { url, method, schema, headers, isOne } = builderParts(builder);
  const path = url.pathname.split("/").slice(-2);
  const table = decodeURIComponent(path[1] ?? "");
  if (method !== "GET" || path[0] === "rpc" || table === "") {
    throw new TypeError(`A live query selects rows of one table; this one is ${method} ${url.pathname}`);
  }
  const conditions = [...url.searchParams].filter(([name]) => !RESERVED.has(name));
  const parsed = conditions.map(([name, value]) => parseParameter(name, value));
  const condition: Condition = { kind: "and", conditions: parsed };
  const order = parseOrder(url.searchParams.get("order") ?? "");
  const columns = plainColumns(url.searchParams.get("select") ?? "*");
  const limit = url.searchParams.get("limit");
  const needed = [...key, ...(order ?? []).map(({ column }) => column)];
  const counts = (headers.get("Prefer") ?? "").includes("count=");
  const isLocal =
    columns !== null &&
    order !== undefined &&
    (columns === undefined || needed.every((column) => columns.includes(column))) &&
    !isUndecidable(condition) &&
    !url.searchParams.has("offset") &&
    !counts;
  const isList = !counts && !isOne && [...headers.keys()].every((name) => USUAL_HEADERS.includes(name));
  const query = url.search.slice(1);
  const filter = serverFilter(conditions, [...STABLE_COLUMNS, ...stable]);
  return {
    schema,
    table,
    id: `${schema}.${table}?${decodeURIComponent(url.search)} ${headers.get("Prefer") ?? ""}`,
    condition,
    order: order ?? [],
    limit: limit === null ? undefined : Number(limit),
    columns: columns ?? undefined,
    isLocal,
    changes: [{ schema, table, ...(filter === "" ? {} : { filter }) }],
    ...(isList && query.length <= LONGEST_KEPT ? { kept: { schema, table, query, key } } : {}),
  };
}

/** The one place that knows a builder's fields; they are protected, and stable since the first version. */
function builderParts(builder: object) {
  const { url, method, schema, headers, isMaybeSingle } = builder as Partial<{
    url: URL;
    method: string;
    schema: string;
    headers: Headers;
    isMaybeSingle: boolean;
  }>;
  if (!(url instanceof URL) || method === undefined) {
    throw new TypeError("A live query is a builder of supabase-js: sb => sb.from(table).select()");
  }
  const sent = new Headers(headers);
  const isOne = (isMaybeSingle ?? false) || (sent.get("Accept") ?? "").includes("vnd.pgrst.object");
  return { url, method, schema: schema ?? "public", headers: sent, isOne };
}

/** undefined: all columns; null: more than columns of this table. */
function plainColumns(select: string): readonly string[] | undefined | null {
  const parts = select.split(",").map((part) => part.trim());
  if (parts.includes("*")) {
    return parts.length === 1 ? undefined : null;
  }
  return parts.every((part) => PLAIN_COLUMN.test(part)) ? parts : null;
}

function isUndecidable(condition: Condition): boolean {
  switch (condition.kind) {
    case "undecidable":
      return true;
    case "and":
    case "or":
      return condition.conditions.some(isUndecidable);
    case "not":
      return isUndecidable(condition.condition);
    default:
      return false;
  }
}

function serverFilter(conditions: readonly (readonly [string, string])[], stable: readonly string[]): string {
  return conditions
    .filter(([name, value]) => stable.includes(name) && /^(eq\.|in\.\()/.test(value))
    .map(([name, value]) => `${name}=${value.startsWith("eq.") ? `eq.${quoted(value.slice(3))}` : value}`)
    .join(",");
}

const quoted = (value: string): string =>
  /[,()"\\]/.test(value) ? `"${value.replace(/["\\]/g, (character) => `\\${character}`)}"` : value;

/** @returns the row as the query would give it */
export function project(shape: QueryShape, row: Row): Row {
  const { columns } = shape;
  return columns === undefined ? row : Object.fromEntries(columns.map((column) => [column, row[column]]));
}
