import { useCallback, useSyncExternalStore } from "react";

/** What this browser's user chose; kept on the device. */
export interface Preferences {
  readonly density: "comfortable" | "compact" | "spacious";
  /** Single letters as commands (WCAG 2.1.4). */
  readonly keys: boolean;
  /** Notifications on the desktop, which the browser was asked for. */
  readonly desktop: boolean;
  /** A sound for errors, and while a call rings. */
  readonly sound: boolean;
}

const KEY = "switchboard:preferences";
const DEFAULTS: Preferences = { density: "comfortable", keys: true, desktop: false, sound: true };
const listeners = new Set<() => void>();
let current: Preferences = load();

function load(): Preferences {
  try {
    return { ...DEFAULTS, ...JSON.parse(localStorage.getItem(KEY) ?? "{}") };
  } catch {
    return DEFAULTS;
  }
}

export function usePreferences() {
  const preferences = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => current,
  );
  const choose = useCallback((change: Partial<Preferences>) => {
    current = { ...current, ...change };
    localStorage.setItem(KEY, JSON.stringify(current));
    document.documentElement.dataset.density = current.density;
    for (const listener of listeners) {
      listener();
    }
  }, []);
  return { preferences, choose };
}

export type Theme = "dark" | "light";

export const currentTheme = (): Theme => (document.documentElement.dataset.theme === "light" ? "light" : "dark");

export function chooseTheme(theme: Theme): void {
  document.documentElement.dataset.theme = theme;
  localStorage.setItem("switchboard:theme", theme);
}
