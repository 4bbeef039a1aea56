import { useEffect, useRef } from "react";
import { usePreferences } from "../data/preferences.ts";

const FIELDS = "input, textarea, select, [contenteditable=true]";

/**
 * Single keys as commands while no field has the focus and nothing is in front (WCAG 2.1.4: they can be turned off).
 *
 * @param commands by the key in lower case
 */
export function useKeys(commands: Readonly<Record<string, () => void>>): void {
  const { preferences } = usePreferences();
  const current = useRef(commands);
  useEffect(() => {
    current.current = commands;
  });
  useEffect(() => {
    if (!preferences.keys) {
      return;
    }
    const press = (event: KeyboardEvent) => {
      const busy = event.target instanceof Element && event.target.closest(FIELDS) !== null;
      const command = current.current[event.key.toLowerCase()];
      const modified = event.repeat || event.ctrlKey || event.metaKey || event.altKey;
      if (command && !busy && !modified && !document.querySelector("[role=dialog], [role=menu]")) {
        event.preventDefault();
        command();
      }
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, [preferences.keys]);
}
