import { useSyncExternalStore } from "react";

/** Ticks once a second, with the server's seconds; one timer for all clocks of a page. */
class Ticker {
  #now = Date.now();
  #offset = 0;
  #timer: ReturnType<typeof setInterval> | undefined;
  readonly #listeners = new Set<() => void>();

  readonly getSnapshot = () => this.#now;
  readonly subscribe = (listener: () => void) => {
    this.#listeners.add(listener);
    this.#timer ??= setInterval(() => this.#tick(), 1_000);
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) {
        clearInterval(this.#timer);
        this.#timer = undefined;
      }
    };
  };

  /** @param offset by which the server's clock is ahead, in milliseconds */
  setOffset(offset: number): void {
    if (Math.abs(offset - this.#offset) > 250) {
      this.#offset = offset;
    }
  }

  /** @param moment by the device's clock */
  toServer = (moment: number) => moment + this.#offset;

  #tick(): void {
    this.#now = this.toServer(Date.now());
    for (const listener of this.#listeners) {
      listener();
    }
  }
}

export const ticker = new Ticker();

/** The server's time, in milliseconds since 1970, once a second. */
export function useNow(): number {
  return useSyncExternalStore(ticker.subscribe, ticker.getSnapshot);
}

/** Seconds since a moment, never negative. */
export function secondsSince(moment: string | number, now: number): number {
  const at = typeof moment === "number" ? moment : Date.parse(moment);
  return Math.max(0, Math.floor((now - at) / 1_000));
}

/** 0:07, 17:20, 1:02:45. */
export function duration(seconds: number): string {
  const hours = Math.floor(seconds / 3_600);
  const minutes = Math.floor((seconds % 3_600) / 60);
  const two = (value: number) => String(value).padStart(2, "0");
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}

/** Time since a moment, running. `stoppedAt`: what is shown is of then, and stands still. */
export function Elapsed({
  since,
  stoppedAt,
}: {
  readonly since: string | number;
  readonly stoppedAt?: number | undefined;
}) {
  const now = useNow();
  return <>{duration(secondsSince(since, stoppedAt ?? now))}</>;
}

/** Where the day of whoever is looked at begins and ends; the device's own until it is known. */
let zone: string | undefined;

export function setTimeZone(timeZone: string | undefined): void {
  zone = timeZone;
}

/** 14:31:07, or 14:31, in the organization's zone. */
export function timeOfDay(at: string | number, unit: "second" | "minute" = "second"): string {
  return new Date(at).toLocaleTimeString("en-GB", {
    hourCycle: "h23",
    hour: "2-digit",
    minute: "2-digit",
    ...(unit === "second" ? { second: "2-digit" } : {}),
    ...(zone ? { timeZone: zone } : {}),
  });
}
