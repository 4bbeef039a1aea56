import { columnsOf, compareRows, dependsOnCollation, evaluate, hasCollation } from "./conditions.ts";
import { project, type QueryShape } from "./query.ts";
import type { Change, Row } from "./transport.ts";

/** What a change did to a list. `ask`: only the server knows the list now. */
export type Effect = "changed" | "unchanged" | "ask";

/**
 * The rows of one list, by key: replaced by snapshots, changed by changes. A change that is older than a row of the snapshot
 * (by `version`, else `updated_at`) is skipped: snapshots are taken while changes arrive. Among themselves changes come in
 * the order of their commits, so no column is asked. Owned by one `LiveList`.
 */
export class Rows {
  readonly #shape: QueryShape;
  readonly #key: readonly string[];
  /** Whether an UPDATE may come as the key and what was changed. */
  readonly #deltas: boolean;
  /** Those of a whole row, as far as an answer has shown. */
  #columns: readonly string[] | undefined;
  /** By key, what rows were that are as they were foreseen, and not as the server said; undefined: there was none. */
  readonly #foreseen = new Map<string, Row | undefined>();
  #rows = new Map<string, Row>();
  /** Keys of rows that are as the snapshot had them. */
  #snapshot = new Set<string>();
  #view: readonly Row[] | undefined = [];
  /**
   * Whose order the rows are in, as far as the last answer shows: texts by code points as here, or by what only the server
   * knows, a language's rules or an enum's.
   */
  #collation: "unsure" | "ours" | "the server's" = "unsure";

  constructor(shape: QueryShape, key: readonly string[], deltas = false) {
    this.#shape = shape;
    this.#key = key;
    this.#deltas = deltas;
  }

  /** Takes the server's answer as the truth; rows that are equal keep their identity. */
  replace(rows: readonly Row[]): void {
    const former = this.view();
    this.#learn(rows);
    const [first] = rows;
    this.#columns = first === undefined ? this.#columns : Object.keys(first);
    const next = new Map<string, Row>();
    for (const row of rows) {
      let key = this.keyOf(row) ?? `#${next.size}`;
      while (next.has(key)) {
        key += "#"; // of a query whose rows share it
      }
      const held = this.#rows.get(key);
      next.set(key, held && isEqual(held, row) ? held : row);
    }
    this.#foreseen.clear();
    this.#rows = next;
    this.#snapshot = new Set(next.keys());
    const view = [...next.values()];
    const same = view.length === former.length && view.every((row, index) => row === former[index]);
    this.#view = same ? former : view;
  }

  /** What is held, by key; stays as it is when the rows are replaced. */
  held(): ReadonlyMap<string, Row> {
    return this.#rows;
  }

  /**
   * What has become of rows, as changes. One that left a limited window is no DELETE: it may still be there.
   *
   * @param before of before an answer
   * @param told   whose changes are known already
   */
  since(before: ReadonlyMap<string, Row>, told: readonly Change[], committedAt: string): readonly Change[] {
    const { table, limit } = this.#shape;
    const known = new Set(told.map((change) => this.keyOf(change.kind === "DELETE" ? change.old : change.new)));
    const here = [...this.#rows].flatMap(([key, row]): Change[] => {
      const old = before.get(key);
      return known.has(key) || old === row
        ? []
        : [{ kind: old ? "UPDATE" : "INSERT", table, new: row, old: old ?? {}, committedAt }];
    });
    const gone = [...before].flatMap(([key, old]): Change[] =>
      limit !== undefined || known.has(key) || this.#rows.has(key)
        ? []
        : [{ kind: "DELETE", table, new: {}, old, committedAt }],
    );
    return [...here, ...gone];
  }

  apply(change: Change): Effect {
    if (!this.#shape.isLocal) {
      return "ask";
    }
    if (change.kind === "DELETE") {
      const gone = this.keyOf(change.old);
      this.#foreseen.delete(gone ?? "");
      return this.#remove(gone);
    }
    const key = this.keyOf(change.new);
    if (key === undefined) {
      return "ask";
    }
    const held = this.#rows.get(key);
    if (held && this.#snapshot.has(key) && isOlder(change.new, held)) {
      return "unchanged";
    }
    let row = change.new;
    if (this.#isDelta(change)) {
      const effect = this.#missing(key, change, held);
      if (effect) {
        return effect;
      }
      row = { ...held, ...row };
    }
    this.#foreseen.delete(key);
    this.#snapshot.delete(key);
    switch (evaluate(this.#shape.condition, row)) {
      case "undecidable":
        return "ask";
      case "true":
        return this.#put(key, project(this.#shape, row));
      case "false":
      case "unknown":
        return this.#remove(key);
    }
  }

  /** A change that the server has not told of: whether it comes so is not known before it does. */
  foresee(change: Change): Effect {
    const key = this.keyOf(change.kind === "DELETE" ? change.old : change.new);
    if (key === undefined) {
      return "ask";
    }
    const held = this.#rows.get(key);
    const former = this.#foreseen.has(key) ? this.#foreseen.get(key) : held;
    const effect = this.apply(change);
    if (this.#rows.get(key) !== held) {
      this.#foreseen.set(key, former);
    }
    return effect;
  }

  /** Whether the server has not said what became of what was foreseen. */
  isForeseen(change: Change): boolean {
    return this.#foreseen.has(this.keyOf(change.kind === "DELETE" ? change.old : change.new) ?? "");
  }

  /** The row is again as it was, unless the server has said what it is. */
  takeBack(change: Change): void {
    const key = this.keyOf(change.kind === "DELETE" ? change.old : change.new) ?? "";
    if (!this.#foreseen.has(key)) {
      return;
    }
    const former = this.#foreseen.get(key);
    this.#foreseen.delete(key);
    if (former) {
      this.#rows.set(key, former);
    } else {
      this.#rows.delete(key);
    }
    this.#view = undefined;
  }

  /** A change with the whole row, where it completes one that is held; before it is applied. */
  whole(change: Change): Change {
    const key = this.keyOf(change.new);
    const held = this.#isDelta(change) && key !== undefined ? this.#rows.get(key) : undefined;
    return key !== undefined && held && this.#lacks(key, held, change) !== undefined
      ? { ...change, new: { ...held, ...change.new } }
      : change;
  }

  #isDelta(change: Change): boolean {
    const isWhole = this.#columns?.every((column) => column in change.new) ?? false;
    return this.#deltas && change.kind === "UPDATE" && !isWhole;
  }

  /** Whether a row lacks a change, and no other; false: an answer had it; undefined: others were missed, or the row is a guess. */
  #lacks(key: string, held: Row, { old, new: now }: Change): boolean | undefined {
    // an update may leave the version alone, which tells nothing
    const told = VERSIONS.filter((column) => column in held && column in old && !isEqual(old[column], now[column]));
    if (told.length === 0 || this.#foreseen.has(key)) {
      return undefined;
    }
    if (told.some((column) => isEqual(held[column], now[column]))) {
      return false;
    }
    const same = Object.entries(old).every(([column, value]) => !(column in held) || isEqual(held[column], value));
    return same || undefined;
  }

  /** What follows of a change of some columns that completes no row here; among them are all by which it is decided what a list has. */
  #missing(key: string, change: Change, held: Row | undefined): Effect | undefined {
    if (!held) {
      const isOutside = ["false", "unknown"].includes(evaluate(this.#shape.condition, change.new));
      return isOutside || this.#isBeyond(change.new) ? "unchanged" : "ask";
    }
    const lacks = this.#lacks(key, held, change);
    return lacks ? undefined : lacks === false ? "unchanged" : "ask";
  }

  /** Whether a row comes after a limited window that is full. */
  #isBeyond(row: Row): boolean {
    const last = this.#isFull() && this.#collation !== "the server's" ? this.#sorted().at(-1) : undefined;
    const { order } = this.#shape;
    return last !== undefined && compareRows(order, last, row) < 0 && !this.#isGuess(row);
  }

  /** In the query's order; the same array until something changes. */
  view(): readonly Row[] {
    this.#view ??= this.#sorted();
    return this.#view;
  }

  /** The key's values as one text; undefined where the row lacks one. */
  keyOf(row: Row): string | undefined {
    const values = this.#key.map((column) => row[column]);
    return values.some((value) => value === undefined || value === null) ? undefined : JSON.stringify(values);
  }

  #learn(rows: readonly Row[]): void {
    const { order } = this.#shape;
    const pairs = rows.slice(1).map((row, index) => [rows[index] ?? row, row] as const);
    if (pairs.some(([one, other]) => compareRows(order, one, other) > 0)) {
      this.#collation = "the server's";
    } else if (pairs.some(([one, other]) => dependsOnCollation(order, one, other))) {
      this.#collation = "ours";
    }
  }

  #put(key: string, row: Row): Effect {
    const held = this.#rows.get(key);
    if (held && isEqual(held, row)) {
      return "unchanged";
    }
    const moves = !held || compareRows(this.#shape.order, held, row) !== 0;
    const isServers = moves && this.#collation === "the server's";
    if (isServers && !held) {
      return "ask";
    }
    const wasFull = this.#isFull();
    this.#rows.set(key, row);
    this.#view = undefined;
    if (isServers) {
      return "ask"; // shown where it was, for the moment
    }
    const isGuess = moves && this.#isGuess(row);
    // beyond the limit rows are the server's to know: one that moved out of the window has a successor there
    if (this.#shape.limit !== undefined && wasFull) {
      const sorted = this.#sorted();
      if (held && moves && sorted.at(-1) === row) {
        return "ask";
      }
      this.#rows = new Map(sorted.slice(0, this.#shape.limit).map((kept) => [this.keyOf(kept) ?? "", kept]));
    }
    return isGuess ? "ask" : "changed";
  }

  /** Whether another collation would put the row between other neighbours, and it is not known which the server has. */
  #isGuess(row: Row): boolean {
    const { order } = this.#shape;
    if (this.#collation !== "unsure" || !hasCollation(order, row)) {
      return false;
    }
    let before: Row | undefined;
    let after: Row | undefined;
    for (const other of this.#rows.values()) {
      const place = compareRows(order, other, row);
      if (place < 0 && (!before || compareRows(order, before, other) < 0)) {
        before = other;
      } else if (place > 0 && (!after || compareRows(order, other, after) < 0)) {
        after = other;
      }
    }
    return [before, after].some((next) => next && dependsOnCollation(order, row, next));
  }

  #remove(key: string | undefined): Effect {
    if (key === undefined) {
      return "ask";
    }
    const wasFull = this.#isFull();
    if (!this.#rows.delete(key)) {
      return "unchanged";
    }
    this.#view = undefined;
    return wasFull ? "ask" : "changed";
  }

  #isFull(): boolean {
    return this.#shape.limit !== undefined && this.#rows.size >= this.#shape.limit;
  }

  /** Stable: what the order does not decide stays as it came. */
  #sorted(): readonly Row[] {
    const rows = [...this.#rows.values()];
    return this.#shape.order.length === 0 || this.#collation === "the server's"
      ? rows
      : rows.sort((a, b) => compareRows(this.#shape.order, a, b));
  }
}

/** The columns by which it is decided which rows a list has, and where. */
export function decidingColumns({ condition, order }: QueryShape): readonly string[] {
  return [...new Set([...columnsOf(condition), ...order.map(({ column }) => column)])];
}

/** Columns that are others with every change, as a rule. */
const VERSIONS = ["version", "updated_at"] as const;

function isOlder(row: Row, held: Row): boolean {
  for (const column of VERSIONS) {
    const one = row[column];
    const other = held[column];
    if (typeof one === "number" && typeof other === "number") {
      return one < other;
    }
    if (typeof one === "string" && typeof other === "string") {
      return one < other;
    }
  }
  return false;
}

function isEqual(one: unknown, other: unknown): boolean {
  if (one === other) {
    return true;
  }
  if (typeof one !== "object" || typeof other !== "object" || one === null || other === null) {
    return false;
  }
  const entries = Object.entries(one);
  const others = new Map<string, unknown>(Object.entries(other));
  return entries.length === others.size && entries.every(([name, value]) => isEqual(value, others.get(name)));
}
