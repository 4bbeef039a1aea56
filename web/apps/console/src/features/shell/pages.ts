import type { IconName } from "../../ui/icon.tsx";

/** The pages there are: a new one adds a line here and a route in app/router.tsx. */
export const PAGES = [
  { path: "/", page: "board", icon: "board", key: "b" },
  { path: "/agent", page: "agent", icon: "headset", key: "a" },
  { path: "/calls", page: "calls", icon: "list", key: "c" },
] as const satisfies readonly { path: string; page: string; icon: IconName; key: string }[];
