import { useSyncExternalStore } from "react";

/** What is looked for on the present page: typed in the header, read by the lists. */
let query = "";
const listeners = new Set<() => void>();

function setQuery(next: string): void {
  query = next;
  for (const listener of listeners) {
    listener();
  }
}

export function useSearch() {
  const current = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => query,
  );
  return { query: current, setQuery };
}
