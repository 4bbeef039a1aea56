import { useSyncExternalStore } from "react";

/** Whether the user's menu is open: a phone opens it from its tab bar, where it has no place of its own. */
let isOpen = false;
const listeners = new Set<() => void>();

function set(open: boolean): void {
  isOpen = open;
  for (const listener of listeners) {
    listener();
  }
}

export const openUserMenu = (): void => set(true);

export function useUserMenu() {
  const open = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => isOpen,
  );
  return { isOpen: open, setOpen: set };
}
