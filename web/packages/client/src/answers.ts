import type { LiveError } from "./list-state.ts";
import type { QueryAnswer } from "./query.ts";
import type { Row } from "./transport.ts";

export async function settle(sent: PromiseLike<unknown>): Promise<QueryAnswer> {
  try {
    return (await sent) as QueryAnswer;
  } catch (error) {
    return { data: null, error: { message: error instanceof Error ? error.message : String(error) }, status: 0 };
  }
}

export function toError({ error, status }: QueryAnswer): LiveError | undefined {
  return error ? { message: error.message, code: error.code || undefined, status } : undefined;
}

/** `maybeSingle()` and `single()` give one row or none. */
export function toRows(data: unknown): readonly Row[] {
  return Array.isArray(data) ? data : typeof data === "object" && data !== null ? [data as Row] : [];
}
