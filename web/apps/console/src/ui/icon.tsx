export type IconName =
  | "bell"
  | "bell-off"
  | "board"
  | "catch"
  | "check"
  | "clock"
  | "cup"
  | "down"
  | "hangup"
  | "headset"
  | "help"
  | "info"
  | "list"
  | "live"
  | "lock"
  | "more"
  | "mute"
  | "mic"
  | "park"
  | "pause"
  | "pen"
  | "phone"
  | "play"
  | "plus"
  | "power"
  | "refresh"
  | "search"
  | "sun"
  | "tick"
  | "transfer"
  | "unreachable"
  | "user"
  | "users"
  | "warning"
  | "x";

interface IconProps {
  readonly name: IconName;
  /** 12, 14, 16 or 20 pixels. */
  readonly size?: "xs" | "s" | "m" | "l";
  readonly className?: string;
}

/** A drawing beside a word; it says nothing by itself. */
export function Icon({ name, size = "s", className = "" }: IconProps) {
  return (
    <svg className={`i ${size === "m" ? "" : size} ${className}`} aria-hidden="true">
      <use href={`#icon-${name}`} />
    </svg>
  );
}

export function Logo() {
  return (
    <svg
      width="26"
      height="26"
      viewBox="0 0 26 26"
      fill="none"
      stroke="currentColor"
      strokeWidth="2.2"
      strokeLinecap="round"
      aria-hidden="true"
    >
      <rect x="1.5" y="1.5" width="23" height="23" rx="6.5" strokeWidth="1.6" />
      <circle cx="8" cy="8.5" r="1.9" fill="currentColor" stroke="none" />
      <circle cx="18" cy="17.5" r="1.9" fill="currentColor" stroke="none" />
      <path d="M8 8.5c0 7 10 2 10 9" />
    </svg>
  );
}
