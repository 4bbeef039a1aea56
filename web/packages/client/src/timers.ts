import type { Platform } from "./platform.ts";

/** Runs at once when it is asked to, then at most once in `ms`: a burst costs two. Single-threaded. */
export class Throttle {
  readonly #platform: Platform;
  readonly #ms: number;
  readonly #run: () => void;
  #ranAt = Number.NEGATIVE_INFINITY;
  #cancel: (() => void) | undefined;

  constructor(platform: Platform, ms: number, run: () => void) {
    this.#platform = platform;
    this.#ms = ms;
    this.#run = run;
  }

  ask(): void {
    if (this.#cancel) {
      return;
    }
    const run = () => {
      this.#cancel = undefined;
      this.#ranAt = this.#platform.now();
      this.#run();
    };
    const wait = this.#ranAt + this.#ms - this.#platform.now();
    if (wait <= 0) {
      run();
    } else {
      this.#cancel = this.#platform.after(wait, run);
    }
  }

  cancel(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }
}

/** One thing that is to happen later; what is set next takes its place. Single-threaded. */
export class Timer {
  readonly #platform: Platform;
  #cancel: (() => void) | undefined;

  constructor(platform: Platform) {
    this.#platform = platform;
  }

  get isSet(): boolean {
    return this.#cancel !== undefined;
  }

  after(ms: number, run: () => void): void {
    this.cancel();
    this.#cancel = this.#platform.after(ms, () => {
      this.#cancel = undefined;
      run();
    });
  }

  cancel(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }
}
