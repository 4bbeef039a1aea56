import { useEffect, useMemo, useRef, useState } from "react";

/** What is shown while the order is held: each row where it stood, with what is true of it now. */
export interface HeldItem<T> {
  readonly item: T;
  /** As it was when the order was taken: its place among the groups. */
  readonly placed: T;
  readonly isGone: boolean;
}

export interface HeldOrder<T> {
  readonly items: readonly HeldItem<T>[];
  /** How many rows came, went, or would move. */
  readonly changes: number;
  readonly apply: () => void;
  /** To be called where the list disappears: what is not there cannot be left by a pointer. */
  readonly release: () => void;
  /** To be called where the focus is no longer in the list: a row that disappears with it tells nobody. */
  readonly unfocus: () => void;
  /** To be spread over the list: while pointer or focus is in it, the order is held. */
  readonly handlers: {
    readonly onPointerMove: () => void;
    readonly onPointerLeave: () => void;
    readonly onFocus: () => void;
    readonly onBlur: (event: React.FocusEvent) => void;
  };
}

/** A pointer that rests is no longer pointing at anything. */
const REST_MS = 8_000;

/**
 * Keeps the order of a list while somebody points into it: what a row says stays current, where it stands does not change
 * (DESIGN 5).
 *
 * @param all what there is, also where `items` is a part of it: only what has left `all` is gone
 */
export function useHeldOrder<T>(items: readonly T[], all: readonly T[], keyOf: (item: T) => string): HeldOrder<T> {
  const [pointing, setPointing] = useState(false);
  const [focused, setFocused] = useState(false);
  const [frozen, setFrozen] = useState<readonly T[] | undefined>();
  const latest = useRef(items);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => {
    latest.current = items;
  });
  useEffect(() => () => clearTimeout(timer.current), []);
  const isHeld = pointing || focused;
  useEffect(() => setFrozen(isHeld ? latest.current : undefined), [isHeld]);
  const base = isHeld && frozen ? frozen : items;
  const shown = useMemo(
    () => (base === items ? items.map((item) => ({ item, placed: item, isGone: false })) : merge(base, all, keyOf)),
    [base, items, all, keyOf],
  );
  const changes = useMemo(() => (base === items ? 0 : differences(base, items, keyOf)), [base, items, keyOf]);
  return {
    items: shown,
    changes,
    apply: () => setFrozen(latest.current),
    release: () => {
      setPointing(false);
      setFocused(false);
    },
    unfocus: () => setFocused(false),
    handlers: {
      onPointerMove: () => {
        setPointing(true);
        clearTimeout(timer.current);
        timer.current = setTimeout(() => setPointing(false), REST_MS);
      },
      onPointerLeave: () => setPointing(false),
      onFocus: () => setFocused(true),
      onBlur: (event) => setFocused(event.currentTarget.contains(event.relatedTarget)),
    },
  };
}

/** Pure: the places of `frozen` with current rows. */
export function merge<T>(frozen: readonly T[], all: readonly T[], keyOf: (item: T) => string): readonly HeldItem<T>[] {
  const current = new Map(all.map((item) => [keyOf(item), item]));
  return frozen.map((placed) => {
    const item = current.get(keyOf(placed));
    return { item: item ?? placed, placed, isGone: item === undefined };
  });
}

/** Pure: how many rows came, went, or stand elsewhere among those that stayed. */
export function differences<T>(frozen: readonly T[], items: readonly T[], keyOf: (item: T) => string): number {
  const places = new Map(frozen.map((item, index) => [keyOf(item), index]));
  const stayed = items.flatMap((item) => places.get(keyOf(item)) ?? []);
  const came = items.length - stayed.length;
  const went = frozen.length - stayed.length;
  return came + went + stayed.length - longestRising(stayed);
}

/** The length of the longest rising subsequence: what did not have to move. */
function longestRising(numbers: readonly number[]): number {
  const tails: number[] = [];
  for (const number of numbers) {
    const at = tails.findIndex((tail) => tail >= number);
    tails[at < 0 ? tails.length : at] = number;
  }
  return tails.length;
}
