import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Condition, evaluate } from "../src/conditions.ts";
import type { Change, Row } from "../src/index.ts";
import { project, type QueryShape } from "../src/query.ts";
import { decidingColumns, Rows } from "../src/rows.ts";

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
  const content = fc.record({
    id: fc.integer({ min: 1, max: 8 }),
    state: fc.constantFrom(...STATES, null),
    score: fc.integer({ min: 0, max: 3 }),
    name: fc.constantFrom("ash", "elm", "oak"),
    note: fc.constantFrom("a", "b"),
  });
  const steps = fc.array(
    fc.record({
      content,
      kind: fc.constantFrom("write", "write", "write", "same version", "unseen", "foresee", "delete"),
    }),
    { maxLength: 60 },
  );
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
  const cases = Object.keys(conditions).flatMap((name) =>
    [undefined, 3].flatMap((limit) =>
      [undefined, ["id", "name", "version"], ["id", "name"]].map((columns) => ({ name, limit, columns })),
    ),
  );

  const BY_VERSION = ["version", "id"].map((column) => ({ column, descending: false, nullsFirst: false }));

  test.each(
    cases
      .flatMap((one) => [false, true].map((byVersion) => ({ ...one, byVersion })))
      .filter(
        // a list has the columns that it is ordered by
        ({ byVersion, columns }) => !byVersion || columns === undefined || columns.includes("version"),
      ),
  )("condition $name, limit $limit, columns $columns, by version $byVersion", ({ name, limit, columns, byVersion }) => {
    const condition = conditions[name] as Condition;
    const queried: QueryShape = { ...shape(limit), condition, columns, ...(byVersion ? { order: BY_VERSION } : {}) };
    const always = decidingColumns(queried);
    /** The key, what differs, and what the list is decided by. */
    const delta = (of: Row, other: Row): Row =>
      Object.fromEntries(
        Object.entries(of).filter(
          ([column, value]) => column === "id" || always.includes(column) || other[column] !== value,
        ),
      );
    fc.assert(
      fc.property(fc.array(content, { maxLength: 8 }), steps, (first, changes) => {
        const table = new Map<number, Row>(first.map((one) => [one.id, { ...one, version: 1 }]));
        const answer = () =>
          [...table.values()]
            .filter((one) => evaluate(condition, one) === "true")
            .sort(
              (a, b) =>
                (byVersion
                  ? Number(a.version) - Number(b.version)
                  : orders["by code points"](String(a.name), String(b.name))) || Number(a.id) - Number(b.id),
            )
            .slice(0, limit)
            .map((one) => project(queried, one));
        const rows = new Rows(queried, ["id"], true);
        rows.replace(answer());
        /** Of which the list has not been told, since it might not see them then, or foresaw otherwise. */
        const missed = new Set<number>();
        for (const { content: now, kind } of changes) {
          const old = table.get(now.id);
          const version = Number(old?.version ?? 0) + (kind === "same version" && old ? 0 : 1);
          const row: Row = { ...now, version };
          const committed = { table: "people", committedAt: "" };
          if (kind === "foresee") {
            // what is foreseen to leave a limited window leaves a gap until it is asked again, whatever comes
            if (old && limit === undefined) {
              rows.foresee({
                ...committed,
                kind: "UPDATE",
                new: { ...old, note: now.note, state: now.state, version: Number(old.version) + (now.score % 2) },
                old,
              });
              missed.add(now.id);
            }
            continue;
          }
          if (kind === "unseen" && old) {
            table.set(now.id, row);
            missed.add(now.id);
            continue;
          }
          let change: Change = { ...committed, kind: "INSERT", new: row, old: {} };
          if (kind === "delete") {
            if (!old) {
              continue;
            }
            table.delete(now.id);
            change = { ...committed, kind: "DELETE", new: {}, old: { id: now.id } };
          } else {
            table.set(now.id, row);
            if (old) {
              change = { ...committed, kind: "UPDATE", new: delta(row, old), old: delta(old, row) };
            }
          }
          missed.delete(now.id);
          const whole = rows.whole(change);
          if (Object.keys(whole.new).length > Object.keys(change.new).length) {
            expect(project(queried, whole.new)).toEqual(project(queried, row));
          }
          if (rows.apply(change) === "ask") {
            rows.replace(answer());
            missed.clear();
          }
          if (missed.size === 0) {
            expect(rows.view()).toEqual(answer());
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  test("what saves nothing costs nothing: rows of a list are kept without asking", () => {
    const queried: QueryShape = { ...shape(undefined), condition: conditions["of one column"] as Condition };
    const rows = new Rows(queried, ["id"], true);
    const row = { id: 1, state: "ringing", score: 1, name: "ash", note: "a", version: 1 };
    rows.replace([row]);
    const change = (some: Row, old: Row): Change => ({
      kind: "UPDATE",
      table: "people",
      committedAt: "",
      new: { id: 1, state: "ringing", name: "ash", ...some },
      old: { id: 1, state: "ringing", name: "ash", ...old },
    });
    expect(rows.apply(change({ score: 2, version: 2 }, { score: 1, version: 1 }))).toBe("changed");
    expect(rows.view()).toEqual([{ ...row, score: 2, version: 2 }]);
    expect(rows.apply(change({ score: 2, version: 2 }, { score: 1, version: 1 }))).toBe("unchanged");
    expect(rows.apply(change({ note: "b", version: 4 }, { note: "a", version: 3 }))).toBe("ask");
    const other = { ...change({ note: "b", version: 4 }, {}), new: { id: 2, state: "held", name: "elm", version: 2 } };
    expect(rows.apply(other)).toBe("unchanged");
  });
});
