/** Bounds of the time between attempts, in milliseconds. */
export interface Backoff {
  readonly baseMs: number;
  readonly capMs: number;
}

/** 0.25 s to 10 s: most connections heal at once, and a crowd must not come back together (FEATURES C8). */
export const BACKOFF: Backoff = { baseMs: 250, capMs: 10_000 };

/**
 * Exponential backoff with full jitter, never less than the base: a server that refuses at once is not asked in a loop.
 *
 * @param attempt counts from 1
 * @param random  in [0, 1)
 * @returns milliseconds to wait
 */
export function delay(attempt: number, random: number, { baseMs, capMs }: Backoff = BACKOFF): number {
  const ceiling = Math.min(capMs, baseMs * 2 ** Math.min(attempt, 30));
  return Math.round(baseMs + random * (ceiling - baseMs));
}
