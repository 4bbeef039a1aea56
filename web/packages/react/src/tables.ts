import type { Row } from "@switchboard/client";

/** The columns that these hooks and components read; `switchboard types` writes the types of whole tables. */
export interface StreamRow extends Row {
  readonly id: string;
  readonly organization_id: string;
  readonly name: string;
  readonly goal_status: string;
  readonly current_progress: { readonly percentage: number; readonly completed: number; readonly total: number };
  readonly updated_at: string;
}

export interface ScanRow extends Row {
  readonly id: string;
  readonly status: string;
  readonly current_step: string | null;
  readonly progress_percentage: number;
  readonly targets_analyzed: number;
  readonly targets_identified: number;
  readonly updated_at: string;
}

export interface SignalAlertRow extends Row {
  readonly id: string;
  readonly business_name: string;
  readonly signal_type: string;
  readonly priority: string;
  readonly read_at: string | null;
  readonly created_at: string;
}

export interface AgentExecutionRow extends Row {
  readonly id: string;
  readonly stream_id: string;
  readonly agent_id: string;
  readonly status: string;
  readonly started_at: string | null;
  readonly ended_at: string | null;
}

export interface NotificationRow extends Row {
  readonly id: string;
  readonly type: "info" | "warning" | "error" | "success";
  readonly organization_id: string;
  readonly source: string;
  /** What it is about, for preferences: `missed-call`. */
  readonly kind: string;
  readonly title: string;
  readonly body: string | null;
  readonly persistent: boolean;
  /** The facts that it was made of; `ended_at` once an alert is over. */
  readonly data?: Row;
  readonly read_at: string | null;
  readonly created_at: string;
}

export interface CallRow extends Row {
  readonly id: string;
  readonly organization_id: string;
  readonly direction: string;
  readonly from_number: string;
  readonly to_number: string;
  readonly company_name: string | null;
  readonly state: string;
  readonly status: string;
  readonly queue_name: string | null;
  readonly agent_name: string | null;
  readonly started_at: string;
  readonly answered_at: string | null;
  readonly ended_at: string | null;
  readonly ai_status: string | null;
  readonly score: number | null;
  readonly talk_s: number;
}
