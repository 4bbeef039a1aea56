import type { SimpleStatus } from "./connection.ts";

/** What every subscribing method gives back. */
export interface Subscription {
  unsubscribe(): void;
}

export type StatusListener = (status: SimpleStatus, error?: Error) => void;
