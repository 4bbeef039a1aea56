/** A listener that throws does not keep the others from hearing (FEATURES F004-13). */
export function guarded(run: () => void): void {
  try {
    run();
  } catch (error) {
    console.error("[switchboard] a listener threw", error);
  }
}
