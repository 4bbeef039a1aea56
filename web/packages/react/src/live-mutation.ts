import type { Change, Row } from "@switchboard/client";
import { useCallback, useState } from "react";
import { useLiveClient } from "./provider.tsx";

export interface MutationError {
  readonly message: string;
  readonly code?: string;
}

/** What the server answers where a policy hides the row from who writes: no error, and no row. */
export const NOTHING_WRITTEN: MutationError = {
  message: "Nothing was written: the row is gone, or you may not change it",
  code: "NothingWritten",
};

/**
 * Writes to a table, shown in its live lists at once; what the server refuses is taken back and told as `error`.
 *
 * @param key the table's key
 */
export function useLiveMutation<T extends Row = Row>(table: string, key = "id") {
  const client = useLiveClient();
  const [pending, setPending] = useState(0);
  const [error, setError] = useState<MutationError | undefined>();

  const run = useCallback(
    async (change: Change | undefined, send: () => PromiseLike<{ error: MutationError | null; data: unknown }>) => {
      setPending((count) => count + 1);
      setError(undefined);
      const foreseen = change && client.foresee(change);
      const answer = await send();
      setPending((count) => count - 1);
      const nothing = Array.isArray(answer.data) && answer.data.length === 0 ? NOTHING_WRITTEN : null;
      const failure = answer.error ?? nothing;
      if (failure) {
        setError(failure);
        foreseen?.takeBack();
        await client.refetchTable(table); // what refused it may be seen there
      } else {
        foreseen?.written();
      }
      return { ...answer, error: failure };
    },
    [client, table],
  );

  const at = () => new Date(client.platform.now()).toISOString();
  const write = () => client.supabase.from(table);
  return {
    insert: (row: T) =>
      run(key in row ? { kind: "INSERT", table, new: row, old: {}, committedAt: at() } : undefined, () =>
        write().insert(row).select(),
      ),
    /** @param row its key and former values, as the list has it; `changes` is what becomes of it */
    update: (row: T, changes: Partial<T>) =>
      run({ kind: "UPDATE", table, new: { ...row, ...changes }, old: row, committedAt: at() }, () =>
        write()
          .update(changes as Row)
          .eq(key, row[key])
          .select(),
      ),
    upsert: (row: T) => run(undefined, () => write().upsert(row).select()),
    remove: (row: T) =>
      run({ kind: "DELETE", table, new: {}, old: row, committedAt: at() }, () =>
        write().delete().eq(key, row[key]).select(),
      ),
    isPending: pending > 0,
    error,
  };
}
