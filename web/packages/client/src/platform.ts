/**
 * What the client needs of the place where it runs: time, timers, frames, the device's network and whether anybody looks.
 * Tests hand in one whose time they move.
 */
export interface Platform {
  now(): number;
  random(): number;
  /** @returns cancels it */
  after(ms: number, run: () => void): () => void;
  /** Runs once before the next paint, or soon where nothing is painted. @returns cancels it */
  frame(run: () => void): () => void;
  isOnline(): boolean;
  isHidden(): boolean;
  /** @returns stops it */
  onNetwork(listener: (online: boolean) => void): () => void;
  /** @returns stops it */
  onVisibility(listener: (hidden: boolean) => void): () => void;
}

const FRAME_MS = 16;
const LATEST_FRAME_MS = 100;

/** Browsers, Node and React Native: what is missing (DOM, frames) is left out, not polyfilled. */
export function defaultPlatform(): Platform {
  const page: Partial<
    Pick<typeof globalThis, "document" | "window" | "requestAnimationFrame" | "cancelAnimationFrame">
  > = globalThis;
  const isHidden = () => page.document?.visibilityState === "hidden";
  return {
    now: () => Date.now(),
    random: () => Math.random(),
    after(ms, run) {
      const timer = setTimeout(run, ms);
      return () => clearTimeout(timer);
    },
    frame(run) {
      // a hidden page paints nothing, so its frames never come
      if (!page.requestAnimationFrame || !page.cancelAnimationFrame || isHidden()) {
        const timer = setTimeout(run, FRAME_MS);
        return () => clearTimeout(timer);
      }
      // and one that is hidden before its frame came gets none either: whichever is first
      const { cancelAnimationFrame } = page;
      const cancel = () => {
        cancelAnimationFrame(frame);
        clearTimeout(timer);
      };
      const once = () => {
        cancel();
        run();
      };
      const frame = page.requestAnimationFrame(once);
      const timer = setTimeout(once, LATEST_FRAME_MS);
      return cancel;
    },
    isOnline: () => globalThis.navigator?.onLine !== false,
    isHidden,
    onNetwork: (listener) =>
      listen(page.window, [
        ["online", () => listener(true)],
        ["offline", () => listener(false)],
      ]),
    onVisibility: (listener) => listen(page.document, [["visibilitychange", () => listener(isHidden())]]),
  };
}

function listen(target: Partial<EventTarget> | undefined, handlers: readonly (readonly [string, () => void])[]) {
  // React Native has a window without events
  if (!target?.addEventListener || !target.removeEventListener) {
    return () => {};
  }
  for (const [name, handler] of handlers) {
    target.addEventListener(name, handler);
  }
  return () => {
    for (const [name, handler] of handlers) {
      target.removeEventListener?.(name, handler);
    }
  };
}
