import type { ListOptions } from "./list-state.ts";
import type { QueryShape } from "./query.ts";
import type { KeptQuery, Row, Told } from "./transport.ts";

/**
 * The rows of a query that the server keeps, as its operations make them (SPEC I2). Whole from the first `reset` of a join on.
 * Owned by one list; single-threaded.
 */
export class KeptAnswer {
  readonly query: KeptQuery;
  #rows: Row[] = [];
  /** `awaited`: its channel is joined, and will be told all. */
  #state: "lost" | "awaited" | "whole" = "lost";
  #isStale = false;

  /** @param maxRate so often a second it is told of rows that only change; undefined: always */
  constructor(query: KeptQuery, maxRate?: number) {
    if (maxRate !== undefined && !(maxRate >= 0.01 && maxRate <= 1000)) {
      throw new RangeError(`maxRate is 0.01 to 1000 times a second; this one is ${maxRate}`);
    }
    this.query = maxRate === undefined ? query : { ...query, max_rate: maxRate };
  }

  /** Where the list wants it, or a changed row does not decide it; undefined where the server cannot keep it. */
  static of({ kept, isLocal }: QueryShape, options: ListOptions): KeptAnswer | undefined {
    return kept && (options.kept ?? !isLocal) ? new KeptAnswer(kept, options.maxRate) : undefined;
  }

  /** For so long the server may hold back what has changed. */
  get heldMs(): number {
    const { max_rate } = this.query;
    return max_rate === undefined ? 0 : 1_000 / max_rate;
  }

  get rows(): readonly Row[] {
    return this.#rows;
  }

  /** Whether the rows are what the server has, as long as its channel is trusted. */
  get isCurrent(): boolean {
    return this.#state === "whole" && !this.#isStale;
  }

  /** Whether it has to be joined anew to be told all. */
  get isLost(): boolean {
    return this.#state === "lost";
  }

  /** The channel is joined: what comes next begins with a `reset`. */
  joined(): void {
    this.#state = "awaited";
  }

  /** What was told may have been missed. */
  lost(): void {
    this.#state = "lost";
  }

  take({ ops, stale }: Told): void {
    this.#isStale = stale;
    for (const op of ops) {
      if (op.op === "reset") {
        this.#state = "whole";
        this.#rows = [...op.rows];
      } else if (this.#state === "whole") {
        switch (op.op) {
          case "insert":
            this.#rows.splice(op.at, 0, op.row);
            break;
          case "update":
            this.#rows[op.at] = op.row;
            break;
          case "delete":
            this.#rows.splice(op.at, 1);
            break;
          case "move":
            this.#rows.splice(op.to, 0, ...this.#rows.splice(op.from, 1));
        }
      }
    }
  }
}
