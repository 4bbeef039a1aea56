import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { useEndedCalls, useLiveCalls } from "../../data/floor.ts";
import { type CallState, type LiveCall, otherEnd } from "../../data/rows.ts";
import { usePermissions } from "../../data/session.tsx";
import { EndDialog } from "../../floor/end-dialog.tsx";
import { CALL_ORDER } from "../../floor/looks.ts";
import { callerName, useNames } from "../../floor/names.ts";
import { timeOfDay } from "../../ui/clock.tsx";
import { Icon } from "../../ui/icon.tsx";
import { Panel } from "../../ui/panel.tsx";
import { CallGrid, type GridItem } from "./call-grid.tsx";
import { type HeldItem, useHeldOrder } from "./held-order.ts";

const keyOf = (call: LiveCall) => call.id;

/** The calls that are under way, by state, ringing first, longest first. */
export function CallsPanel({ query }: { readonly query: string }) {
  const { t } = useTranslation();
  const calls = useLiveCalls();
  const { canReadCalls } = usePermissions();
  const [ending, setEnding] = useState<LiveCall | undefined>();
  const matches = useMatches(calls.data, query);
  const ordered = useMemo(() => inOrder(matches), [matches]);
  const held = useHeldOrder(ordered, calls.data, keyOf);
  const items = useMemo(() => grouped(held.items), [held.items]);
  const empty = useEmpty(calls.data.length, matches.length, query);
  return (
    <>
      <Panel
        title={t("calls.title")}
        count={calls.data.length}
        className="calls"
        source={calls}
        isDenied={!canReadCalls}
        actions={
          <>
            {held.changes > 0 && (
              <button type="button" className="tag st-none cursor-pointer border-0" onClick={held.apply}>
                {t("calls.held", { count: held.changes })}
              </button>
            )}
            <button
              type="button"
              className="btn flat icon"
              aria-label={t("calls.refresh")}
              onClick={() => void calls.refetch()}
            >
              <Icon name="refresh" size="m" />
            </button>
          </>
        }
        {...(empty ? { empty } : {})}
      >
        {(stoppedAt) => <CallGrid items={items} stoppedAt={stoppedAt} hold={held} onEnd={setEnding} />}
      </Panel>
      <EndDialog call={ending} onClose={() => setEnding(undefined)} />
    </>
  );
}

/** By what is seen of a call: names and numbers. */
function useMatches(calls: readonly LiveCall[], query: string): readonly LiveCall[] {
  const names = useNames();
  return useMemo(() => {
    const wanted = query.trim().toLowerCase();
    const digits = wanted.replace(/[^\d+]/g, "");
    return wanted === ""
      ? calls
      : calls.filter((call) => {
          const texts = [callerName(call), names.agent(call.claimed_by), names.queue(call.queue_id)];
          const isNamed = texts.some((text) => text?.toLowerCase().includes(wanted));
          return isNamed || (digits.length > 2 && otherEnd(call).includes(digits));
        });
  }, [calls, names, query]);
}

function useEmpty(all: number, matching: number, query: string) {
  const { t } = useTranslation();
  const last = useEndedCalls(1).data[0];
  if (all === 0) {
    const text = last ? t("calls.emptyText", { time: timeOfDay(last.ended_at) }) : "";
    return { when: true, icon: "phone" as const, title: t("calls.empty"), text };
  }
  return matching === 0
    ? { when: true, icon: "search" as const, title: t("calls.noMatch"), text: t("calls.noMatchText", { query }) }
    : undefined;
}

const groupOf = (state: CallState): CallState => (state === "new" ? "queued" : state === "claimed" ? "active" : state);

/** Groups in the order of looks.ts; within one the longest in its state first, ties by id. */
export function inOrder(calls: readonly LiveCall[]): readonly LiveCall[] {
  const groups = new Map<CallState, LiveCall[]>(CALL_ORDER.map((state) => [state, []]));
  for (const call of calls) {
    groups.get(groupOf(call.state))?.push(call);
  }
  return [...groups.values()].flatMap((group) => group.sort(byTimeInState));
}

function byTimeInState(a: LiveCall, b: LiveCall): number {
  if (a.state_since !== b.state_since) {
    return a.state_since < b.state_since ? -1 : 1;
  }
  return a.id < b.id ? -1 : 1;
}

/** A head before each group; a row whose state changes under the pointer stays in the group where it stood. */
function grouped(rows: readonly HeldItem<LiveCall>[]): readonly GridItem[] {
  const counts = new Map<CallState, number>();
  for (const { placed } of rows) {
    const state = groupOf(placed.state);
    counts.set(state, (counts.get(state) ?? 0) + 1);
  }
  let current: CallState | undefined;
  return rows.flatMap(({ item: call, placed, isGone }): GridItem[] => {
    const state = groupOf(placed.state);
    const row: GridItem = { kind: "call", call, isGone };
    if (state === current) {
      return [row];
    }
    current = state;
    return [{ kind: "group", state, count: counts.get(state) ?? 0 }, row];
  });
}
