import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Condition, evaluate } from "../src/conditions.ts";
import type { Change, Row } from "../src/index.ts";
import { project, type QueryShape } from "../src/query.ts";
import { Rows } from "../src/rows.ts";

const STATES = ["ringing", "active", "held"];
const orders = {
  "by code points": (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0),
  "by a language": (a: string, b: string) => a.localeCompare(b, "en") || (a < b ? -1 : a > b ? 1 : 0),
  "of an enum": (a: string, b: string) => STATES.indexOf(a) - STATES.indexOf(b),
};

const shape = (limit: number | undefined): QueryShape => ({
  schema: "public",
  table: "people",
  id: "people",
  condition: { kind: "and", conditions: [] },
  order: [
    { column: "name", descending: false, nullsFirst: false },
    { column: "id", descending: false, nullsFirst: false },
  ],
  limit,
  columns: undefined,
  isLocal: true,
  changes: [],
});

interface Step {
  readonly id: number;
  readonly name: string | undefined;
}

describe("a list is in its server's order, whatever collation that has", () => {
  const names = fc.constantFrom("Elm", "elm", "Oak", "ash", "Ärzte", "Zoë", "zoo", "a b", "a-b", "ab", "B");
  const step = (name: fc.Arbitrary<string>) =>
    fc.record({ id: fc.integer({ min: 1, max: 12 }), name: fc.option(name, { nil: undefined }) });

  /** Changes one by one; where the list asks, it is answered. */
  function play(
    compare: (a: string, b: string) => number,
    first: readonly Row[],
    steps: readonly Step[],
    limit?: number,
  ) {
    const table = new Map(first.map((row) => [Number(row.id), row]));
    const answer = () =>
      [...table.values()]
        .sort((a, b) => compare(String(a.name), String(b.name)) || Number(a.id) - Number(b.id))
        .slice(0, limit);
    const rows = new Rows(shape(limit), ["id"]);
    rows.replace(answer());
    let asked = 0;
    for (const { id, name } of steps) {
      const old = table.get(id);
      const committed: Omit<Change, "kind" | "new" | "old"> = { table: "people", committedAt: "" };
      let effect = "unchanged";
      if (name !== undefined) {
        const row = { id, name, version: Number(old?.version ?? 0) + 1 };
        table.set(id, row);
        effect = rows.apply({ kind: old ? "UPDATE" : "INSERT", new: row, old: old ?? {}, ...committed });
      } else if (old) {
        table.delete(id);
        effect = rows.apply({ kind: "DELETE", new: {}, old, ...committed });
      }
      if (effect === "ask") {
        asked++;
        rows.replace(answer());
      }
      expect(rows.view()).toEqual(answer());
    }
    return asked;
  }

  const first = (of: readonly string[]): Row[] => of.map((name, index) => ({ id: index + 1, name, version: 1 }));

  for (const limit of [undefined, 4]) {
    test.each(["by code points", "by a language"] as const)(`%s, limit ${limit}`, (order) => {
      fc.assert(
        fc.property(fc.array(names, { maxLength: 6 }), fc.array(step(names), { maxLength: 40 }), (begin, steps) => {
          play(orders[order], first(begin), steps, limit);
        }),
        { numRuns: 300 },
      );
    });

    test(`of an enum, once an answer shows it, limit ${limit}`, () => {
      fc.assert(
        fc.property(fc.array(step(fc.constantFrom(...STATES)), { maxLength: 40 }), (steps) => {
          // "ringing" stays before "active": that it is no order of texts is seen in every answer
          const kept = steps.map((one) => ({ ...one, id: one.id + 2 }));
          play(orders["of an enum"], first(["ringing", "active"]), kept, limit);
        }),
        { numRuns: 300 },
      );
    });
  }

  test("where texts are ordered by code points, that is learned, and asked no more", () => {
    const asked = play(
      orders["by code points"],
      first(["Elm", "Zoo", "ash", "elm"]),
      Array.from({ length: 40 }, (_, n) => ({ id: 20 + n, name: `${n % 2 ? "b" : "B"}${n}` })),
    );

    expect(asked).toBe(0);
  });
});

describe("a list that takes what was changed is the list that takes whole rows", () => {
  const row = fc.record({
    id: fc.integer({ min: 1, max: 8 }),
    state: fc.constantFrom(...STATES, null),
    score: fc.integer({ min: 0, max: 3 }),
    name: fc.constantFrom("ash", "elm", "oak"),
    note: fc.constantFrom("a", "b"),
  });
  const steps = fc.array(fc.record({ row, kind: fc.constantFrom("write", "write", "write", "delete") }), {
    maxLength: 60,
  });
  const conditions: Record<string, Condition> = {
    none: { kind: "and", conditions: [] },
    "of one column": { kind: "in", column: "state", values: ["ringing", "active"] },
    "of two": {
      kind: "and",
      conditions: [
        { kind: "in", column: "state", values: ["ringing", "held"] },
        { kind: "compare", column: "score", operator: "gte", value: "2" },
      ],
    },
  };

  /** What of a change is left: the key and what differs; a row that comes in from outside of what is visible is whole. */
  function delta(old: Row, now: Row): Row {
    return Object.fromEntries(Object.entries(now).filter(([name, value]) => name === "id" || old[name] !== value));
  }

  test.each(
    Object.keys(conditions).flatMap((name) =>
      [undefined, 3].flatMap((limit) => [undefined, ["id", "name"]].map((columns) => [name, limit, columns] as const)),
    ),
  )("condition %s, limit %s, columns %s", (name, limit, columns) => {
    const condition = conditions[name] as Condition;
    const queried: QueryShape = { ...shape(limit), condition, columns };
    fc.assert(
      fc.property(fc.array(row, { maxLength: 8 }), steps, (first, changes) => {
        const table = new Map<number, Row>(first.map((one) => [one.id, one]));
        const answer = () =>
          [...table.values()]
            .filter((one) => evaluate(condition, one) === "true")
            .sort((a, b) => orders["by code points"](String(a.name), String(b.name)) || Number(a.id) - Number(b.id))
            .slice(0, limit)
            .map((one) => project(queried, one));
        const rows = new Rows(queried, ["id"], true);
        rows.replace(answer());
        for (const { row: now, kind } of changes) {
          const old = table.get(now.id);
          const committed = { table: "people", committedAt: "" };
          const change: Change | undefined =
            kind === "delete"
              ? old && { ...committed, kind: "DELETE", new: {}, old: { id: now.id } }
              : old
                ? { ...committed, kind: "UPDATE", new: delta(old, now), old: delta(now, old) }
                : { ...committed, kind: "INSERT", new: now, old: {} };
          if (!change) {
            continue;
          }
          if (kind === "delete") {
            table.delete(now.id);
          } else {
            table.set(now.id, now);
          }
          const before = rows.held().get(JSON.stringify([now.id]));
          const whole = rows.whole(change);
          if (before && change.kind === "UPDATE") {
            expect(project(queried, whole.new)).toEqual(project(queried, now));
          }
          if (rows.apply(change) === "ask") {
            rows.replace(answer());
          }
          expect(rows.view()).toEqual(answer());
        }
      }),
      { numRuns: 300 },
    );
  });
});
