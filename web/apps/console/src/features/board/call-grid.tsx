import { defaultRangeExtractor, type Range, useVirtualizer, type Virtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, useCallback, useEffect, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { useIncomingCalls, useOffers } from "../../data/floor.ts";
import type { CallState, LiveCall } from "../../data/rows.ts";
import { CALL_LOOKS } from "../../floor/looks.ts";
import { useNames } from "../../floor/names.ts";
import { Icon } from "../../ui/icon.tsx";
import { CallRow } from "./call-row.tsx";
import type { HeldOrder } from "./held-order.ts";

export type GridItem =
  | { readonly kind: "group"; readonly state: CallState; readonly count: number }
  | { readonly kind: "call"; readonly call: LiveCall; readonly isGone: boolean };

interface CallGridProps {
  readonly items: readonly GridItem[];
  readonly stoppedAt: number | undefined;
  readonly hold: HeldOrder<LiveCall>;
  readonly onEnd: (call: LiveCall) => void;
}

const GROUP_H = 30;
const PHONE_ROW_H = 52;
const OVERSCAN = 8;

/** The row height that the density sets, as CSS has it. */
function rowHeight(): number {
  const isPhone = matchMedia("(max-width: 640px)").matches;
  return isPhone
    ? PHONE_ROW_H
    : Number.parseInt(getComputedStyle(document.documentElement).getPropertyValue("--row-h"), 10) || 34;
}

/** Rows as a grid: only those in sight exist; the head of the group in sight stays on top; arrows go from row to row. */
export function CallGrid({ items, stoppedAt, hold, onEnd }: CallGridProps) {
  const { t } = useTranslation();
  const scroller = useRef<HTMLDivElement>(null);
  const heads = useMemo(() => items.flatMap((item, index) => (item.kind === "group" ? [index] : [])), [items]);
  const sticky = useRef(0);
  const height = rowHeight(); // asked once a picture, not once a row
  // places are measured anew when a head moves, not with every change of a row
  const layout = `${height} ${heads.join()}`;
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new function is how the virtualizer is told
  const placeKey = useCallback((index: number) => index, [layout]);
  const virtual = useVirtualizer({
    count: items.length,
    getScrollElement: () => scroller.current,
    estimateSize: (index) => (items[index]?.kind === "group" ? GROUP_H : height),
    getItemKey: placeKey,
    overscan: OVERSCAN,
    rangeExtractor: useCallback(
      (range: Range) => {
        sticky.current = heads.findLast((head) => head <= range.startIndex) ?? 0;
        return [...new Set([sticky.current, ...defaultRangeExtractor(range)])].sort((a, b) => a - b);
      },
      [heads],
    ),
  });
  const { release } = hold;
  const names = useNames();
  const ringsAt = useRingsAt();
  // biome-ignore lint/correctness/useExhaustiveDependencies: once, when the grid goes
  useEffect(() => release, []);
  useEffect(() => {
    if (!scroller.current?.contains(document.activeElement)) {
      hold.unfocus();
    }
  });
  const firstRow = virtual.getVirtualItems().find(({ index }) => items[index]?.kind === "call")?.index;
  const { focused, onKeyDown, onFocusRow } = useArrows(items, virtual);
  const isFocusedInSight = virtual.getVirtualItems().some(({ index }) => {
    const item = items[index];
    return item?.kind === "call" && item.call.id === focused;
  });
  const rings = new Set(useIncomingCalls().map(({ callId }) => callId));
  return (
    <>
      <div className="grid-head" aria-hidden="true">
        <span>{t("calls.caller")}</span>
        <span>{t("calls.queue")}</span>
        <span>{t("calls.agent")}</span>
        <span className="num">{t("calls.inState")}</span>
        <span className="num c-total">{t("calls.total")}</span>
      </div>
      <div
        ref={scroller}
        className="scroll"
        role="grid"
        tabIndex={-1}
        aria-label={t("calls.title")}
        aria-rowcount={items.length}
        onKeyDown={onKeyDown}
        {...hold.handlers}
      >
        <div style={{ height: virtual.getTotalSize(), position: "relative" }} role="presentation">
          {virtual.getVirtualItems().map(({ index, start }) => {
            const item = items[index];
            const key = itemKey(item);
            if (!item) {
              return null;
            }
            if (item.kind === "group") {
              return (
                <GroupHead key={key} item={item} index={index} start={start} isSticky={index === sticky.current} />
              );
            }
            return (
              <CallRow
                key={key}
                call={item.call}
                isGone={item.isGone}
                agentName={names.agent(item.call.claimed_by) ?? ringsAt(item.call.id)}
                queueName={names.queue(item.call.queue_id)}
                rings={rings.has(item.call.id)}
                top={start}
                index={index}
                isFocusable={focused === item.call.id || (isFocusedInSight === false && index === firstRow)}
                stoppedAt={stoppedAt}
                onEnd={onEnd}
                onFocus={onFocusRow}
              />
            );
          })}
        </div>
      </div>
      <Below items={items} heads={heads} virtual={virtual} />
    </>
  );
}

/** Who a call rings at: a name, or how many. */
function useRingsAt(): (callId: string) => string | undefined {
  const { t } = useTranslation();
  const names = useNames();
  const offers = useOffers().data;
  return useMemo(() => {
    const agents = Map.groupBy(offers, ({ call_id }) => String(call_id));
    return (callId) => {
      const [first, ...others] = agents.get(callId) ?? [];
      return others.length > 0
        ? t("calls.agents", { count: others.length + 1 })
        : names.agent(first ? String(first.agent_id) : null);
    };
  }, [offers, names, t]);
}

const itemKey = (item: GridItem | undefined): string => (item?.kind === "call" ? item.call.id : `group ${item?.state}`);

function GroupHead({
  item,
  index,
  start,
  isSticky,
}: {
  item: Extract<GridItem, { kind: "group" }>;
  index: number;
  start: number;
  isSticky: boolean;
}) {
  const { t } = useTranslation();
  const look = CALL_LOOKS[item.state];
  const place = isSticky
    ? ({ position: "sticky", top: 0, zIndex: 2 } as const)
    : ({ position: "absolute", top: 0, left: 0, right: 0, transform: `translateY(${start}px)` } as const);
  return (
    <div className="grid-group" role="row" aria-rowindex={index + 1} style={place}>
      <span role="rowheader" className="row">
        <span className={`state ${look.state}`}>
          <Icon name={look.icon} />
          {t(`states.${item.state}`)}
        </span>
        <span className="faint">{item.count}</span>
      </span>
    </div>
  );
}

/** The groups below the fold, as counted buttons on the bottom edge. */
function Below({
  items,
  heads,
  virtual,
}: {
  items: readonly GridItem[];
  heads: readonly number[];
  virtual: Virtualizer<HTMLDivElement, Element>;
}) {
  const { t } = useTranslation();
  const height = virtual.scrollRect?.height ?? 0;
  const end =
    virtual.getVirtualItems().findLast(({ start }) => start < (virtual.scrollOffset ?? 0) + height - GROUP_H)?.index ??
    items.length;
  const below = heads.filter((head) => head > end);
  if (below.length === 0) {
    return null;
  }
  return (
    <div className="more">
      {below.map((head) => {
        const item = items[head];
        return item?.kind === "group" ? (
          <button key={item.state} type="button" onClick={() => virtual.scrollToIndex(head, { align: "start" })}>
            <span className={`state ${CALL_LOOKS[item.state].state}`}>
              <Icon name={CALL_LOOKS[item.state].icon} />
              {t(`states.${item.state}`)}
            </span>
            <span className="faint">{item.count}</span>
          </button>
        ) : null;
      })}
    </div>
  );
}

/** One row is in the tab order; arrows, Home and End move from row to row. */
function useArrows(items: readonly GridItem[], virtual: Virtualizer<HTMLDivElement, Element>) {
  const [focused, setFocused] = useState<string | undefined>();
  const rows = items.flatMap((item, index) => (item.kind === "call" ? [{ id: item.call.id, index }] : []));
  const isThere = rows.some(({ id }) => id === focused);
  const onKeyDown = (event: KeyboardEvent<HTMLDivElement>) => {
    if (!(event.target instanceof HTMLElement) || event.target.getAttribute("role") !== "row") {
      return;
    }
    const at = rows.findIndex(({ id }) => id === focused);
    const steps: Record<string, number> = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 };
    const next = rows[Math.min(rows.length - 1, Math.max(0, steps[event.key] ?? -1))];
    if (event.key in steps && next) {
      event.preventDefault();
      setFocused(next.id);
      virtual.scrollToIndex(next.index);
      const scroller = event.currentTarget;
      requestAnimationFrame(() => scroller.querySelector<HTMLElement>(`[data-call="${next.id}"]`)?.focus());
    }
  };
  return { focused: isThere ? focused : undefined, onKeyDown, onFocusRow: setFocused };
}
