/** A listener that throws does not keep the others from hearing (FEATURES F004-13). */
export function guarded(run: () => void): void {
  try {
    run();
  } catch (error) {
    console.error("[switchboard] a listener threw", error);
  }
}

/** Tells every listener each of these, in order. */
export function tellEach<V>(listeners: Iterable<(value: V) => void>, values: Iterable<V>): void {
  for (const value of values) {
    for (const listener of listeners) {
      guarded(() => listener(value));
    }
  }
}
