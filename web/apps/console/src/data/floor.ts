import { type FormerOffers, type IncomingCall, incomingCalls, type Row, rememberOffers } from "@switchboard/client";
import { useLiveAggregate, useLiveQuery, useLiveRow } from "@switchboard/react";
import { useEffect, useMemo, useState } from "react";
import { ticker } from "../ui/clock.tsx";
import type {
  Agent,
  CallSegment,
  EndedCall,
  LiveCall,
  ParkedCall,
  Queue,
  QueueMember,
  Segment,
  SelfRow,
  WrapUpCode,
} from "./rows.ts";
import { useOrganization, useSession } from "./session.tsx";

const CALL_COLUMNS =
  "id,organization_id,provider_call_sid,state,state_since,direction,from_number,to_number,company_name,queue_id,claimed_by,transfer_to,transfer_kind,muted,due_at,started_at,queued_at,answered_at,wait_s,version,ended_at";
const USER: readonly string[] = ["user_id"];
const CALL: readonly string[] = ["call_id"];

const useOrganizationId = () => useOrganization().current.organizationId;

/** Every call that is not over, in no order: who shows them has one. */
export function useLiveCalls() {
  const id = useOrganizationId();
  return useLiveQuery<LiveCall>(
    (sb) => sb.from("calls").select(CALL_COLUMNS).eq("organization_id", id).is("ended_at", null),
    [id],
  );
}

export function useAgents() {
  const id = useOrganizationId();
  return useLiveQuery<Agent>(
    (sb) => sb.from("agent_board").select("*").eq("organization_id", id).order("display_name").order("id"),
    [id],
  );
}

export function useQueues() {
  const id = useOrganizationId();
  return useLiveQuery<Queue>(
    (sb) => sb.from("queues").select("*").eq("organization_id", id).order("name").order("id"),
    [id],
  );
}

/** The codes of a queue and those of all; undefined until it is known which there are. */
export function useWrapUpCodes(queueId: string | null): readonly WrapUpCode[] | undefined {
  const id = useOrganizationId();
  const codes = useLiveQuery<WrapUpCode>(
    (sb) => sb.from("wrap_up_codes").select("*").eq("organization_id", id).order("position").order("label").order("id"),
    [id],
  );
  return codes.status === "success"
    ? codes.data.filter((one) => one.queue_id === null || one.queue_id === queueId)
    : undefined;
}

export function useQueueMembers() {
  const id = useOrganizationId();
  return useLiveQuery<QueueMember>((sb) => sb.from("queue_members").select("*").eq("organization_id", id), [id]);
}

export function useParkedCalls() {
  const id = useOrganizationId();
  return useLiveQuery<ParkedCall>(
    (sb) => sb.from("parked_calls").select("*").eq("organization_id", id).order("slot"),
    [id],
  );
}

/** The agent that the signed-in user is; null for who is none. */
export function useSelf() {
  const id = useOrganizationId();
  const { userId } = useSession();
  return useLiveRow<SelfRow>(
    (sb) => sb.from("voip_users").select("*").eq("organization_id", id).eq("user_id", userId),
    [id, userId],
    { stable: USER },
  );
}

/** The call about which a colleague asks the signed-in user, if one does. */
export function useConsultedCall(): string | undefined {
  const id = useOrganizationId();
  const { userId } = useSession();
  return useLiveRow<Row & { readonly call_id: string }>(
    (sb) =>
      sb.from("active_calls").select("*").eq("organization_id", id).eq("agent_id", userId).eq("status", "consulting"),
    [id, userId],
  ).data?.call_id;
}

/** The call after which the signed-in user wraps up: the segment that is open says so. */
export function useWrapUpCall(): EndedCall | null {
  const id = useOrganizationId();
  const { userId } = useSession();
  const segment = useLiveRow<Row & { readonly call_id: string }>(
    (sb) =>
      sb
        .from("call_segments")
        .select("*")
        .eq("organization_id", id)
        .eq("agent_id", userId)
        .eq("kind", "wrap_up")
        .is("to_at", null),
    [id, userId],
  ).data;
  const callId = segment?.call_id;
  return useLiveRow<EndedCall>(
    (sb) => (callId ? sb.from("calls_enriched").select("*").eq("id", callId) : null),
    [callId],
  ).data;
}

/** The signed-in user's own last calls. */
export function useOwnCalls(limit: number) {
  const id = useOrganizationId();
  const { userId } = useSession();
  return useLiveQuery<EndedCall>(
    (sb) =>
      sb
        .from("calls_enriched")
        .select("*")
        .eq("organization_id", id)
        .eq("agent_id", userId)
        .not("ended_at", "is", null)
        .order("ended_at", { ascending: false })
        .order("id")
        .limit(limit),
    [id, userId, limit],
  );
}

/** The newest calls that are over. */
export function useEndedCalls(limit: number) {
  const id = useOrganizationId();
  return useLiveQuery<EndedCall>(
    (sb) =>
      sb
        .from("calls_enriched")
        .select("*")
        .eq("organization_id", id)
        .not("ended_at", "is", null)
        .order("ended_at", { ascending: false })
        .order("id")
        .limit(limit),
    [id, limit],
    { keepPreviousData: true },
  );
}

/** Who had the call, and when; in the order in which that began. */
export function useCallSegments(callId: string | undefined) {
  return useLiveQuery<CallSegment>(
    (sb) => (callId ? sb.from("call_segments").select("*").eq("call_id", callId).order("from_at").order("id") : null),
    [callId],
    { stable: CALL },
  );
}

export function useTranscript(callId: string | undefined) {
  return useLiveQuery<Segment>(
    (sb) =>
      callId
        ? sb.from("transcript_segments").select("*").eq("call_id", callId).order("start_ms").order("seq").order("id")
        : null,
    [callId],
    { stable: CALL },
  );
}

const NEWEST_EVENTS = 60;
const NOTHING: readonly Row[] = [];

/** The rows of `active_calls`: at whom which call rings, and who has it. */
export function useOffers() {
  const id = useOrganizationId();
  return useLiveQuery<Row>((sb) => sb.from("active_calls").select("*").eq("organization_id", id), [id], {
    refreshMs: 30_000,
  });
}

/** What rings for the signed-in user, from four sources of which any one is enough (FEATURES F001-20). */
export function useIncomingCalls(): readonly IncomingCall[] {
  const organizationId = useOrganizationId();
  const { userId } = useSession();
  const offers = useOffers();
  const events = useLiveQuery<Row>(
    (sb) =>
      sb
        .from("ring_events")
        .select("*")
        .eq("organization_id", organizationId)
        .order("created_at", { ascending: false })
        .order("id")
        .limit(NEWEST_EVENTS),
    [organizationId],
  );
  const calls = useLiveCalls();
  const self = useSelf();
  const [former, setFormer] = useState<FormerOffers>(NO_OFFERS);
  useEffect(() => setFormer((known) => rememberOffers(known, userId, offers.data)), [offers.data, userId]);
  return useMemo(
    () =>
      self.data === null
        ? NONE
        : incomingCalls(
            userId,
            { offers: offers.data ?? NOTHING, events: events.data, calls: calls.data, self: self.data, former },
            calls.isLive,
          ),
    [userId, offers.data, events.data, calls.data, calls.isLive, self.data, former],
  );
}

const NONE: readonly IncomingCall[] = [];
const NO_OFFERS: FormerOffers = new Map();

/** What `service_figures()` gives; a ratio of nothing is null. */
export interface ServiceFigures {
  readonly service_level: number | null;
  readonly service_level_goal: number;
  readonly service_level_seconds: number;
  readonly abandoned: number | null;
  readonly offered: number | null;
  readonly abandoned_rate: number | null;
  readonly occupancy: number | null;
  readonly queues: Readonly<Record<string, number | null>>;
  readonly computed_at: string;
  readonly history: Readonly<
    Record<
      "in_queue" | "longest_wait_s" | "live" | "available" | "service_level" | "abandoned_rate",
      readonly (number | null)[]
    >
  >;
}

/** The heavier figures: at once, then every 30 s at most, and every minute where nothing happens. */
export function useServiceFigures() {
  const id = useOrganizationId();
  return useLiveAggregate<ServiceFigures>(
    `service_figures(${id})`,
    (sb) => sb.rpc("service_figures", { organization: id }),
    {
      changes: [{ schema: "public", table: "calls", filter: `organization_id=eq.${id}` }],
      throttleMs: 30_000,
      refreshMs: 60_000,
    },
  );
}

/** Sets the clocks of the page to the server's, by the answers that come anyway. */
export function useServerClock(): void {
  const { data, lastSyncedAt } = useServiceFigures();
  const computedAt = data?.computed_at;
  useEffect(() => {
    if (computedAt !== undefined && lastSyncedAt !== undefined) {
      ticker.setOffset(Date.parse(computedAt) - lastSyncedAt);
    }
  }, [computedAt, lastSyncedAt]);
}
