/** What a developer sees in debug mode: one line per event, with its parts as fields (FEATURES F000-03, F000-32). */
export type LogKind =
  | "setting up"
  | "subscribed"
  | "channel error"
  | "timeout"
  | "closed"
  | "data fetching"
  | "status change"
  | "realtime update";

export interface LogEntry {
  readonly kind: LogKind;
  readonly channel: string;
  readonly from?: string;
  readonly to?: string;
  readonly reason?: string;
}

export type Log = (entry: LogEntry) => void;

/** Writes entries to the console, as one line and its fields. */
export function consoleLog(entry: LogEntry): void {
  console.debug(`[switchboard] ${entry.kind}: ${entry.channel}`, entry);
}

/** Of what a channel says of itself. */
export const STATUS_KINDS = {
  SUBSCRIBED: "subscribed",
  CHANNEL_ERROR: "channel error",
  TIMED_OUT: "timeout",
  CLOSED: "closed",
} as const;
