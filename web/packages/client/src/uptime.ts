import type { LiveClient } from "./live-client.ts";

/** What a beacon tells: how long a client had its live connection while it wanted one. */
export interface UptimeReport {
  /** Milliseconds in which everything shown was live. */
  readonly liveMs: number;
  /** Milliseconds in which it was wanted: somebody read, nothing was paused, the session was not over. */
  readonly wantedMs: number;
  /** Times that the connection was lost. */
  readonly losses: number;
  /** `liveMs / wantedMs`, 1 where nothing was wanted yet. */
  readonly uptime: number;
}

/**
 * Measures the connection's uptime (FEATURES F004-27), from the first time it is live: what comes before is the page's
 * loading. The device's own pauses and a session that is over do not count.
 *
 * @param send  gets a report every `everyMs`; a page passes it on, with `navigator.sendBeacon` for instance
 * @returns `report` for now, and `stop`
 */
export function measureUptime(live: LiveClient, send: (report: UptimeReport) => void = () => {}, everyMs = 60_000) {
  const { now, after } = live.platform;
  let [liveMs, wantedMs, losses] = [0, 0, 0];
  let at = now();
  let kind = live.connection.getSnapshot().state.kind;
  let began = kind === "live";
  let wanted = live.activity.getSnapshot();

  const count = () => {
    const passed = now() - at;
    at = now();
    if (began && wanted) {
      wantedMs += passed;
      liveMs += kind === "live" ? passed : 0;
    }
  };
  const turn = () => {
    count();
    const former = kind;
    wanted = live.activity.getSnapshot();
    kind = live.connection.getSnapshot().state.kind;
    began ||= kind === "live";
    losses += wanted && former === "live" && kind !== "live" && kind !== "denied" ? 1 : 0;
  };
  const stops = [live.connection.subscribe(turn), live.activity.subscribe(turn)];
  const report = (): UptimeReport => {
    count();
    return { liveMs, wantedMs, losses, uptime: wantedMs === 0 ? 1 : liveMs / wantedMs };
  };
  const beat = (): (() => void) =>
    after(everyMs, () => {
      send(report());
      cancel = beat();
    });
  let cancel = beat();
  return {
    report,
    stop: () => {
      for (const stopOne of stops) {
        stopOne();
      }
      cancel();
    },
  };
}
