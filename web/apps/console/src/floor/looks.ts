import type { AgentState, CallState } from "../data/rows.ts";
import type { IconName } from "../ui/icon.tsx";

/** State is shown three ways: icon, word, colour. The word is `states.<state>` in the texts. */
export interface Look {
  readonly icon: IconName;
  /** The class that carries the colour. */
  readonly state: string;
}

export const CALL_LOOKS: Record<CallState, Look> = {
  ringing: { icon: "bell", state: "st-ringing" },
  queued: { icon: "clock", state: "st-waiting" },
  new: { icon: "clock", state: "st-waiting" },
  claimed: { icon: "phone", state: "st-oncall" },
  active: { icon: "phone", state: "st-oncall" },
  held: { icon: "pause", state: "st-hold" },
  transferring: { icon: "transfer", state: "st-oncall" },
  parked: { icon: "park", state: "st-none" },
};

/** The order of the board's groups: what somebody must act on is first. */
export const CALL_ORDER: readonly CallState[] = [
  "ringing",
  "queued",
  "new",
  "claimed",
  "active",
  "held",
  "transferring",
  "parked",
];

export const AGENT_LOOKS: Record<AgentState, Look> = {
  available: { icon: "check", state: "st-available" },
  offered: { icon: "bell", state: "st-ringing" },
  on_call: { icon: "phone", state: "st-oncall" },
  on_hold: { icon: "pause", state: "st-hold" },
  wrap_up: { icon: "pen", state: "st-wrapup" },
  paused: { icon: "cup", state: "st-paused" },
  unreachable: { icon: "unreachable", state: "st-alert" },
  offline: { icon: "power", state: "st-offline" },
};

export const AGENT_ORDER: readonly AgentState[] = [
  "offered",
  "available",
  "on_call",
  "on_hold",
  "wrap_up",
  "paused",
  "unreachable",
  "offline",
];

/** From when on a figure is over its limit, in seconds (DOMAIN 2.6). */
export const LIMITS = {
  wait: { warning: 60, critical: 120 },
  call: { warning: Number.POSITIVE_INFINITY, critical: 900 },
  hold: { warning: 120, critical: Number.POSITIVE_INFINITY },
  parked: { warning: 180, critical: Number.POSITIVE_INFINITY },
} as const;

export type Severity = "normal" | "warning" | "critical";

export function severity(seconds: number, limit: { readonly warning: number; readonly critical: number }): Severity {
  return seconds > limit.critical ? "critical" : seconds > limit.warning ? "warning" : "normal";
}

export function callLimit(state: CallState) {
  switch (state) {
    case "queued":
    case "new":
    case "ringing":
      return LIMITS.wait;
    case "held":
      return LIMITS.hold;
    case "parked":
      return LIMITS.parked;
    case "claimed":
    case "active":
    case "transferring":
      return LIMITS.call;
  }
}

/** Why one may pause; the words are `agent.reasons.<reason>`. */
export const PAUSES = ["lunch", "break", "training", "meeting"] as const;
