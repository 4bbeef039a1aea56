import { describe, expect, test } from "vitest";
import { compareRows, evaluate, parseOrder, parseParameter, type Verdict } from "../src/conditions.ts";
import type { Row } from "../src/index.ts";
import { delay } from "../src/index.ts";

const ROW: Row = {
  state: "ringing",
  score: 90,
  rate: 0.5,
  muted: false,
  agent: null,
  company: "Elm, Oak & Co",
  at: "2026-01-01T10:00:00.5+00:00",
  tags: ["a"],
};

const CASES: readonly (readonly [string, string, Verdict])[] = [
  ["state", "eq.ringing", "true"],
  ["state", "neq.ringing", "false"],
  ["state", "not.eq.ringing", "false"],
  ["state", "in.(active,ringing)", "true"],
  ["state", "not.in.(active,held)", "true"],
  ["state", "in.()", "false"],
  ["company", 'in.("Elm, Oak & Co",x)', "true"],
  ["score", "gte.90", "true"],
  ["score", "gt.90", "false"],
  ["score", "lt.100", "true"],
  ["score", "eq.90.0", "true"],
  ["score", "eq.high", "undecidable"],
  ["rate", "lte.0.5", "true"],
  ["muted", "is.false", "true"],
  ["muted", "eq.f", "true"],
  ["agent", "is.null", "true"],
  ["agent", "not.is.null", "false"],
  ["agent", "eq.x", "unknown"],
  ["agent", "not.eq.x", "unknown"],
  ["agent", "neq.x", "unknown"],
  ["company", "like.Elm*Co", "true"],
  ["company", "like.elm*", "false"],
  ["company", "ilike.elm%", "true"],
  ["company", "like.Elm__Oak*", "true"],
  ["company", "like.Elm.*", "false"],
  ["at", "eq.2026-01-01T11:00:00.5+01:00", "true"],
  ["at", "gt.2026-01-01 10:00:00+00", "true"],
  ["at", "lt.2026-01-01T10:00:00.500001Z", "true"],
  ["or", "(state.eq.active,score.gte.90)", "true"],
  ["or", "(state.eq.active,agent.eq.x)", "unknown"],
  ["and", "(state.eq.ringing,or(score.lt.5,muted.is.false))", "true"],
  ["not.or", "(state.eq.active,score.gte.90)", "false"],
  ["or", '(company.eq."Elm, Oak & Co",state.eq.x)', "true"],
  ["or", "(state.not.in.(ringing,x),score.not.eq.90)", "false"],
  ["tags", "cs.{a}", "undecidable"],
  ["company", "fts.oak", "undecidable"],
  ["organizations.name", "eq.x", "undecidable"],
  ["missing", "eq.x", "undecidable"],
  ["state", "gt.held", "true"],
  ["state", "gt.Zoo", "undecidable"], // after it by code points, before it in a dictionary
  ["state", "neq.Zoo", "true"],
];

test.each(CASES)("F003-46 a row and %s=%s: %s", (name, value, verdict) => {
  expect(evaluate(parseParameter(name, value), ROW)).toBe(verdict);
});

describe("orders", () => {
  const sorted = (order: string, values: readonly unknown[]) =>
    values
      .map((a) => ({ a }))
      .sort((one, other) => compareRows(parseOrder(order) ?? [], one, other))
      .map(({ a }) => a);

  test("as PostgreSQL: nulls last going up, first going down, unless said", () => {
    expect(sorted("a", [2, null, 1])).toEqual([1, 2, null]);
    expect(sorted("a.desc", [2, null, 1])).toEqual([null, 2, 1]);
    expect(sorted("a.desc.nullslast", [2, null, 1])).toEqual([2, 1, null]);
    expect(sorted("a.asc.nullsfirst", [2, null, 1])).toEqual([null, 1, 2]);
  });

  test("texts by code points, also beyond the basic plane", () => {
    expect(sorted("a", ["\u{1f600}", "\uff5e", "b", "Z", "a"])).toEqual(["Z", "a", "b", "\uff5e", "\u{1f600}"]);
  });

  test("one that is more than columns is the server's", () => {
    expect(parseOrder("organizations(name).asc")).toBeUndefined();
  });
});

describe("F000-41 F003-05 backoff", () => {
  test("grows with full jitter from 0.25 s to 10 s", () => {
    const bounds = [1, 2, 3, 6, 40].map((attempt) => [delay(attempt, 0), delay(attempt, 0.999999)]);

    expect(bounds).toEqual([
      [250, 500],
      [250, 1_000],
      [250, 2_000],
      [250, 10_000],
      [250, 10_000],
    ]);
  });
});
