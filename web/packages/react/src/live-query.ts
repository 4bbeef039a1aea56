import type {
  Change,
  ListOptions,
  ListState,
  LiveError,
  LiveList,
  QueryOf,
  SimpleStatus,
  ValueOf,
} from "@switchboard/client";
import { type ChangesOf, channelToSimple, EMPTY, type LiveClient } from "@switchboard/client";
import { useCallback, useEffect, useMemo, useRef, useSyncExternalStore } from "react";
import { useLiveClient } from "./provider.tsx";

export interface LiveQueryOptions<T, S = readonly T[]> extends ListOptions {
  /** false: nothing is asked. */
  readonly enabled?: boolean;
  /** What the component needs of the rows; it renders for every new result of the list. */
  readonly select?: (rows: readonly T[]) => S;
  /** Shown until the first answer: what a server rendered. */
  readonly initialData?: readonly T[];
  /** Shows the former query's rows until a new one is answered. */
  readonly keepPreviousData?: boolean;
  /** Hears each change of the table, after it is in the rows. */
  readonly onChange?: (change: Change) => void;
}

export interface LiveResult<D> {
  readonly data: D;
  readonly status: "pending" | "success" | "error";
  readonly error: LiveError | undefined;
  readonly isLoading: boolean;
  readonly isError: boolean;
  readonly isFetching: boolean;
  /** Joined, asked afresh since, and the socket answers. */
  readonly isLive: boolean;
  /** Document 002's word for the channel. */
  readonly connectionStatus: SimpleStatus;
  readonly isConnected: boolean;
  /** Milliseconds since 1970 of the newest data. */
  readonly lastSyncedAt: number | undefined;
  /** Milliseconds since 1970, when `data` was last known to be right; while it is live, it is right now. */
  readonly asOf: number | undefined;
  readonly count: number | null;
  readonly refetch: () => Promise<void>;
}

const idle = () => EMPTY;
const nothing = () => () => {};

/**
 * The rows of a query, kept right while the component is mounted. Equal queries of any number of components share one list
 * and one channel.
 *
 * @param query an ordinary builder: `sb => sb.from("calls").select().eq("state", "active")`; null: nothing to ask yet
 * @param deps  what the query is made of, as for `useMemo`
 */
export function useLiveQuery<T, S = readonly T[]>(
  query: QueryOf<readonly T[] | null>,
  deps: readonly unknown[] = [],
  options: LiveQueryOptions<T, S> = {},
): LiveResult<S> {
  const client = useLiveClient();
  const { enabled = true, select, initialData, keepPreviousData = false, onChange, ...listOptions } = options;
  const list = useHeld(
    () => (enabled ? client.list<T>(query, listOptions) : null),
    [client, enabled, JSON.stringify(listOptions), ...deps],
  );
  const result = useList(client, list, onChange);
  const former = useRef<readonly T[] | undefined>(initialData);
  useEffect(() => {
    if (result.status === "success") {
      former.current = result.data;
    }
  });
  const shown =
    result.lastSyncedAt === undefined
      ? ((keepPreviousData ? former.current : undefined) ?? initialData ?? result.data)
      : result.data;
  const chosen = useMemo(() => (select ? select(shown) : (shown as S)), [select, shown]);
  return { ...result, data: chosen };
}

/** One row or null: the first of a query, `maybeSingle()` or not. */
export function useLiveRow<T>(
  query: QueryOf<readonly T[] | T | null>,
  deps: readonly unknown[] = [],
  options: LiveQueryOptions<T> = {},
): LiveResult<T | null> {
  const result = useLiveQuery<T>(query as QueryOf<readonly T[] | null>, deps, options);
  return { ...result, data: result.data[0] ?? null };
}

export interface LiveAggregateOptions extends ListOptions {
  /** On what the figure depends. */
  readonly changes: readonly ChangesOf[];
  readonly enabled?: boolean;
}

/**
 * A figure that the server computes (a function call, a count), asked again when what it depends on changes: at once, then
 * at most once in `throttleMs`, 2 s by default (FEATURES C10).
 *
 * @param id equal for questions that ask the same
 */
export function useLiveAggregate<T>(
  id: string,
  question: ValueOf<T>,
  options: LiveAggregateOptions,
): LiveResult<T | null> {
  const client = useLiveClient();
  const { changes, enabled = true, ...listOptions } = options;
  const list = useHeld(
    () => (enabled ? client.value<T>(id, question, changes, listOptions) : null),
    [client, id, enabled, JSON.stringify([changes, listOptions])],
  );
  const result = useList(client, list, undefined);
  return { ...result, data: result.data[0]?.value ?? null };
}

/** A list is made in a render and read from an effect on: renders that are thrown away leave nothing. */
function useHeld<L>(make: () => L, deps: readonly unknown[]): L {
  // biome-ignore lint/correctness/useExhaustiveDependencies: the caller says what the query is made of
  return useMemo(make, deps);
}

function useList<T>(client: LiveClient, list: LiveList<T> | null, onChange: ((change: Change) => void) | undefined) {
  const heard = useRef(onChange);
  useEffect(() => {
    heard.current = onChange;
  });
  useEffect(() => (list ? client.retain(list) : undefined), [client, list]);
  useEffect(() => list?.onChange((change) => heard.current?.(change)), [list]);
  const state: ListState<T> = useSyncExternalStore<ListState<T>>(
    list?.subscribe ?? nothing,
    list?.getSnapshot ?? idle,
    list?.getSnapshot ?? idle,
  );
  const refetch = useCallback(async () => list?.refetch(), [list]);
  return {
    data: state.data,
    status: state.status,
    error: state.error,
    isLoading: state.status === "pending",
    isError: state.error !== undefined,
    isFetching: state.isFetching,
    isLive: state.isLive,
    connectionStatus: channelToSimple(state.channel),
    isConnected: state.isLive,
    lastSyncedAt: state.lastUpdate,
    asOf: state.asOf,
    count: state.count,
    refetch,
  };
}
