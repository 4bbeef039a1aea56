import type { Row } from "@switchboard/client";

/** States in which somebody is on the line, in the order in which the board shows them. */
export type CallState = "ringing" | "queued" | "new" | "claimed" | "active" | "held" | "transferring" | "parked";

export interface LiveCall extends Row {
  readonly id: string;
  readonly organization_id: string;
  readonly provider_call_sid: string;
  readonly state: CallState;
  readonly state_since: string;
  readonly direction: string;
  readonly from_number: string;
  readonly to_number: string;
  readonly company_name: string | null;
  readonly queue_id: string | null;
  readonly claimed_by: string | null;
  readonly transfer_to: string | null;
  readonly transfer_kind: string | null;
  readonly muted: boolean;
  readonly due_at: string | null;
  readonly started_at: string;
  readonly queued_at: string | null;
  readonly answered_at: string | null;
  readonly wait_s: number;
  readonly version: number;
}

export type AgentState =
  | "available"
  | "offered"
  | "on_call"
  | "on_hold"
  | "wrap_up"
  | "paused"
  | "unreachable"
  | "offline";

export interface Agent extends Row {
  readonly id: string;
  readonly user_id: string;
  readonly display_name: string;
  readonly extension: string;
  readonly work_state: AgentState;
  readonly state_reason: string | null;
  readonly state_since: string;
  readonly reachable: boolean;
}

export interface SelfRow extends Row {
  readonly id: string;
  readonly user_id: string;
  readonly work_state: AgentState;
  readonly state_since: string;
  readonly state_reason: string | null;
  readonly chosen_state: "offline" | "available" | "paused";
  readonly chosen_reason: string | null;
  readonly current_call_id: string | null;
  readonly wrap_up_until: string | null;
  readonly reachable: boolean;
}

export interface Queue extends Row {
  readonly id: string;
  readonly name: string;
  readonly ring_s: number;
  readonly wrap_up_required: boolean;
}

export interface QueueMember extends Row {
  readonly id: string;
  readonly queue_id: string;
  readonly user_id: string;
}

export interface ParkedCall extends Row {
  readonly id: string;
  readonly call_id: string;
  readonly slot: number;
  readonly parked_by: string;
  readonly parked_at: string;
  readonly comment: string | null;
  readonly timeout_at: string;
}

export interface EndedCall extends Row {
  readonly id: string;
  readonly direction: string;
  readonly from_number: string;
  readonly to_number: string;
  readonly company_name: string | null;
  readonly contact_name: string | null;
  readonly state: string;
  readonly status: string;
  readonly queue_id: string | null;
  readonly queue_name: string | null;
  readonly agent_id: string | null;
  readonly agent_name: string | null;
  readonly started_at: string;
  readonly ended_at: string;
  readonly end_reason: string | null;
  readonly wait_s: number;
  readonly talk_s: number;
  readonly score: number | null;
  readonly ai_status: string | null;
}

/** What a call can have been about: in one queue, or in all. */
export interface WrapUpCode extends Row {
  readonly queue_id: string | null;
  readonly code: string;
  readonly label: string;
  readonly position: number;
}

/** A stretch of an agent's time with a call. */
export interface CallSegment extends Row {
  readonly id: string;
  readonly call_id: string;
  readonly agent_id: string;
  readonly kind: string;
  readonly from_at: string;
  readonly to_at: string | null;
}

export interface Segment extends Row {
  readonly id: string;
  readonly call_id: string;
  readonly track: string;
  readonly seq: number;
  readonly text: string;
  readonly final: boolean;
  readonly created_at: string;
  readonly start_ms: number | null;
}

/** Whoever is at the other end, by the best name there is. */
export const otherEnd = (call: Pick<LiveCall, "direction" | "from_number" | "to_number">): string =>
  call.direction === "outbound" ? call.to_number : call.from_number;
