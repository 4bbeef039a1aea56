import type { Platform } from "../src/index.ts";

/** A platform whose time stands still until a test moves it. */
export class FakePlatform implements Platform {
  online = true;
  hidden = false;
  #now = Date.parse("2026-01-01T00:00:00Z");
  #next = 1;
  readonly #timers = new Map<number, { at: number; run: () => void }>();
  readonly #network = new Set<(online: boolean) => void>();
  readonly #visibility = new Set<(hidden: boolean) => void>();

  now = () => this.#now;
  random = () => 0.5;
  after = (ms: number, run: () => void) => {
    const id = this.#next++;
    this.#timers.set(id, { at: this.#now + ms, run });
    return () => this.#timers.delete(id);
  };
  frame = (run: () => void) => this.after(16, run);
  isOnline = () => this.online;
  isHidden = () => this.hidden;
  onNetwork = (listener: (online: boolean) => void) => {
    this.#network.add(listener);
    return () => this.#network.delete(listener);
  };
  onVisibility = (listener: (hidden: boolean) => void) => {
    this.#visibility.add(listener);
    return () => this.#visibility.delete(listener);
  };

  get timers(): number {
    return this.#timers.size;
  }

  setOnline(online: boolean): void {
    this.online = online;
    for (const listener of this.#network) listener(online);
  }

  setHidden(hidden: boolean): void {
    this.hidden = hidden;
    for (const listener of this.#visibility) listener(hidden);
  }

  /** Lets time pass: timers run in their order, and what they started settles between them. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await settle();
    for (;;) {
      const due = [...this.#timers].filter(([, { at }]) => at <= end).sort(([a, x], [b, y]) => x.at - y.at || a - b)[0];
      if (!due) break;
      this.#timers.delete(due[0]);
      this.#now = Math.max(this.#now, due[1].at);
      due[1].run();
      await settle();
    }
    this.#now = end;
  }
}

/** Lets what is already on its way (answers in memory) arrive. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 12; i++) {
    await new Promise<void>((done) => setImmediate(done));
  }
}
