import type { TFunction } from "i18next";
import { useMemo, useRef } from "react";
import { useAgents, useQueues } from "../data/floor.ts";
import { type Agent, type LiveCall, otherEnd, type Queue } from "../data/rows.ts";

/** Names of agents and queues by their ids; the same object until a name changes, whatever else agents do. */
export function useNames() {
  const people = useSteady(useAgents().data, agentName);
  const lines = useSteady(useQueues().data, queueName);
  return useMemo(
    () => ({
      agent: (id: string | null) => (id === null ? undefined : people.get(id)),
      queue: (id: string | null) => (id === null ? undefined : lines.get(id)),
    }),
    [people, lines],
  );
}

const agentName = ({ user_id, display_name }: Agent): readonly [string, string] => [user_id, display_name];
const queueName = ({ id, name }: Queue): readonly [string, string] => [id, name];

function useSteady<T>(rows: readonly T[], entry: (row: T) => readonly [string, string]): ReadonlyMap<string, string> {
  const former = useRef<ReadonlyMap<string, string>>(new Map());
  return useMemo(() => {
    const names = former.current;
    const entries = rows.map(entry);
    const same = entries.length === names.size && entries.every(([id, name]) => names.get(id) === name);
    former.current = same ? names : new Map(entries);
    return former.current;
  }, [rows, entry]);
}

/** Whoever calls: the company, else the number. */
export const callerName = (call: Pick<LiveCall, "company_name" | "direction" | "from_number" | "to_number">): string =>
  call.company_name ?? phone(otherEnd(call));

/** +1 415 555 0142: digits in groups that can be read aloud. */
export function phone(number: string): string {
  const american = /^\+1(\d{3})(\d{3})(\d{4})$/.exec(number);
  if (american) {
    return `+1 ${american[1]} ${american[2]} ${american[3]}`;
  }
  const other = /^\+(4[0-9]|5[1-8]|3[0-469]|7|2[07]|6[0-6]|8[1246]|9[0-58])(\d{2})(\d+)(\d{4})$/.exec(number);
  return other ? `+${other[1]} ${other[2]} ${other[3]} ${other[4]}` : number;
}

/** AB of Ana Bell, AN of Ana. */
export function initials(name: string): string {
  const [first = "", ...rest] = name.trim().split(/\s+/);
  const last = rest.at(-1);
  return (last ? first.charAt(0) + last.charAt(0) : first.slice(0, 2)).toUpperCase();
}

/** Why somebody pauses, in the reader's language where it is one of the usual reasons. */
export function pauseReason(t: TFunction, reason: string | null): string | undefined {
  return reason === null ? undefined : t(`agent.reasons.${reason}`, { defaultValue: reason });
}
