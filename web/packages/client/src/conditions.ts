import type { Row } from "./transport.ts";

/**
 * The filters of a query, decided here as PostgreSQL would: three-valued, and `undecidable` where only the server knows
 * (full text, ranges, patterns of regular expressions, collations). Who meets that asks the server again.
 */
export type Verdict = "true" | "false" | "unknown" | "undecidable";

export type Condition =
  | { readonly kind: "compare"; readonly column: string; readonly operator: Operator; readonly value: string }
  | { readonly kind: "in"; readonly column: string; readonly values: readonly string[] }
  | { readonly kind: "is"; readonly column: string; readonly value: string }
  | { readonly kind: "not"; readonly condition: Condition }
  | { readonly kind: "and" | "or"; readonly conditions: readonly Condition[] }
  | { readonly kind: "undecidable" };

const OPERATORS = ["eq", "neq", "gt", "gte", "lt", "lte", "like", "ilike"] as const;
type Operator = (typeof OPERATORS)[number];

const UNDECIDABLE: Condition = { kind: "undecidable" };

/** Reads one parameter of a PostgREST query, `column=operator.value` or `or=(…)`. */
export function parseParameter(name: string, value: string): Condition {
  const group = /^(not\.)?(and|or)$/.exec(name);
  if (group) {
    return negateIf(group[1] !== undefined, parseGroup(group[2] === "or" ? "or" : "and", value));
  }
  return /[.>]/.test(name) ? UNDECIDABLE : parseOperation(name, value);
}

function parseGroup(kind: "and" | "or", text: string): Condition {
  if (!text.startsWith("(") || !text.endsWith(")")) {
    return UNDECIDABLE;
  }
  return { kind, conditions: split(text.slice(1, -1)).map(parseMember) };
}

/** `column.operator.value`, `and(…)`, `not.or(…)`, as inside of groups. */
function parseMember(text: string): Condition {
  const group = /^(not\.)?(and|or)(\(.*\))$/s.exec(text);
  if (group?.[3] !== undefined) {
    return negateIf(group[1] !== undefined, parseGroup(group[2] === "or" ? "or" : "and", group[3]));
  }
  const dot = text.indexOf(".");
  if (dot < 0 || text.startsWith('"') || /[>]/.test(text.slice(0, dot))) {
    return UNDECIDABLE;
  }
  return parseOperation(text.slice(0, dot), text.slice(dot + 1), unquote);
}

function parseOperation(column: string, text: string, value: (text: string) => string = (raw) => raw): Condition {
  if (text.startsWith("not.")) {
    return { kind: "not", condition: parseOperation(column, text.slice(4), value) };
  }
  const dot = text.indexOf(".");
  const name = text.slice(0, dot);
  const rest = text.slice(dot + 1);
  if (name === "in" && rest.startsWith("(") && rest.endsWith(")")) {
    return { kind: "in", column, values: split(rest.slice(1, -1)).map(unquote) };
  }
  if (name === "is") {
    return { kind: "is", column, value: rest.toLowerCase() };
  }
  const operator = OPERATORS.find((known) => known === name);
  return operator ? { kind: "compare", column, operator, value: value(rest) } : UNDECIDABLE;
}

const negateIf = (negate: boolean, condition: Condition): Condition =>
  negate ? { kind: "not", condition } : condition;

/** Splits at the commas that are in no quotes and no parentheses. */
function split(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let quoted = false;
  let part = "";
  for (let i = 0; i < text.length; i++) {
    const character = text.charAt(i);
    if (quoted && character === "\\") {
      part += character + text.charAt(++i);
      continue;
    }
    if (character === '"') {
      quoted = !quoted;
    } else if (!quoted) {
      depth += character === "(" ? 1 : character === ")" ? -1 : 0;
      if (character === "," && depth === 0) {
        parts.push(part);
        part = "";
        continue;
      }
    }
    part += character;
  }
  return text === "" ? [] : [...parts, part];
}

const unquote = (text: string): string =>
  text.length > 1 && text.startsWith('"') && text.endsWith('"') ? text.slice(1, -1).replace(/\\(.)/gs, "$1") : text;

/** The columns that a condition reads. */
export function columnsOf(condition: Condition): readonly string[] {
  switch (condition.kind) {
    case "undecidable":
      return [];
    case "not":
      return columnsOf(condition.condition);
    case "and":
    case "or":
      return condition.conditions.flatMap(columnsOf);
    default:
      return [condition.column];
  }
}

/** Whether a row fulfils a condition. */
export function evaluate(condition: Condition, row: Row): Verdict {
  switch (condition.kind) {
    case "undecidable":
      return "undecidable";
    case "not":
      return negate(evaluate(condition.condition, row));
    case "and":
      return conjunction(condition.conditions.map((one) => evaluate(one, row)));
    case "or":
      return negate(conjunction(condition.conditions.map((one) => negate(evaluate(one, row)))));
    case "is":
      return is(row[condition.column], condition.value);
    case "in":
      return membership(condition.values.map((value) => compare(row[condition.column], "eq", value)));
    case "compare":
      return compare(row[condition.column], condition.operator, condition.value);
  }
}

function negate(verdict: Verdict): Verdict {
  return verdict === "true" ? "false" : verdict === "false" ? "true" : verdict;
}

function conjunction(verdicts: readonly Verdict[]): Verdict {
  return (["false", "undecidable", "unknown"] as const).find((verdict) => verdicts.includes(verdict)) ?? "true";
}

function membership(verdicts: readonly Verdict[]): Verdict {
  return (["true", "undecidable", "unknown"] as const).find((verdict) => verdicts.includes(verdict)) ?? "false";
}

function is(value: unknown, what: string): Verdict {
  if (value === undefined) {
    return "undecidable";
  }
  switch (what) {
    case "null":
      return value === null ? "true" : "false";
    case "not_null":
      return value === null ? "false" : "true";
    case "true":
    case "false":
      return value === (what === "true") ? "true" : "false";
    case "unknown":
      return value === null ? "true" : "false";
    default:
      return "undecidable";
  }
}

function compare(value: unknown, operator: Operator, text: string): Verdict {
  if (value === null) {
    return "unknown";
  }
  if (operator === "like" || operator === "ilike") {
    return typeof value === "string" ? of(pattern(text, operator === "ilike").test(value)) : "undecidable";
  }
  const order = orderWith(value, text);
  const isRange = operator !== "eq" && operator !== "neq";
  if (order === undefined || (isRange && typeof value === "string" && dependsOnLanguage(value, text))) {
    return "undecidable";
  }
  switch (operator) {
    case "eq":
      return of(order === 0);
    case "neq":
      return of(order !== 0);
    case "gt":
      return of(order > 0);
    case "gte":
      return of(order >= 0);
    case "lt":
      return of(order < 0);
    case "lte":
      return of(order <= 0);
  }
}

const of = (truth: boolean): Verdict => (truth ? "true" : "false");

/** Negative, zero or positive; undefined where the value has no order that is known here. */
function orderWith(value: unknown, text: string): number | undefined {
  if (typeof value === "number") {
    const other = text.trim() === "" ? Number.NaN : Number(text);
    return Number.isNaN(other) ? undefined : value - other;
  }
  if (typeof value === "boolean") {
    const other = { true: true, t: true, false: false, f: false }[text.toLowerCase()];
    return other === undefined ? undefined : Number(value) - Number(other);
  }
  if (typeof value !== "string") {
    return undefined;
  }
  const instants = [value, text].map(instant);
  const [one, other] = instants;
  return one !== undefined && other !== undefined ? one - other : order(value, text);
}

const TIMESTAMP = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d(:?\d\d)?)$/;

/** Of a timestamp with its zone, in milliseconds with fractions: PostgreSQL has microseconds. */
function instant(text: string): number | undefined {
  if (!TIMESTAMP.test(text)) {
    return undefined;
  }
  const [, fraction = ""] = /\.(\d+)/.exec(text) ?? [];
  const whole = Date.parse(
    text
      .replace(" ", "T")
      .replace(/\.\d+/, "")
      .replace(/([+-]\d\d)$/, "$1:00"),
  );
  return Number.isNaN(whole) ? undefined : whole + Number(`0.${fraction || "0"}`) * 1000;
}

/** The order of code points, which is that of PostgreSQL's C collations. */
function order(one: string, other: string): number {
  if (one === other) {
    return 0;
  }
  return isSurrogate(one) || isSurrogate(other) ? byCodePoints([...one], [...other]) : one < other ? -1 : 1;
}

const isSurrogate = (text: string): boolean => /[\ud800-\udfff]/.test(text);

function byCodePoints(one: readonly string[], other: readonly string[]): number {
  const index = one.findIndex((character, i) => character !== other[i]);
  if (index < 0) {
    return one.length - other.length;
  }
  return (one[index]?.codePointAt(0) ?? 0) - (other[index]?.codePointAt(0) ?? -1);
}

/** LIKE with PostgREST's `*` for `%`. */
function pattern(text: string, ignoreCase: boolean): RegExp {
  const source = text.replace(/\\(.)|[%*]|_|[.+?^${}()|[\]\\]/gs, (found, escaped: string | undefined) => {
    if (escaped !== undefined) {
      return escaped.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
    }
    return found === "%" || found === "*" ? ".*" : found === "_" ? "." : `\\${found}`;
  });
  return new RegExp(`^${source}$`, ignoreCase ? "isu" : "su");
}

/** One column of an order. */
export interface Order {
  readonly column: string;
  readonly descending: boolean;
  readonly nullsFirst: boolean;
}

/** Reads `order=a.desc.nullslast,b`; undefined where it orders by more than columns. */
export function parseOrder(text: string): readonly Order[] | undefined {
  const orders = (text === "" ? [] : text.split(",")).map((part) => {
    const [column = "", ...words] = part.split(".");
    const descending = words.includes("desc");
    return {
      column,
      descending,
      nullsFirst: words.includes("nullsfirst") || (descending && !words.includes("nullslast")),
    };
  });
  return orders.every(({ column }) => /^[^()>"]+$/.test(column)) ? orders : undefined;
}

/** Compares two rows by an order, texts by code points unless said; 0 where it does not decide. */
export function compareRows(orders: readonly Order[], one: Row, other: Row, compareTexts = order): number {
  for (const { column, descending, nullsFirst } of orders) {
    const a = one[column] ?? null;
    const b = other[column] ?? null;
    if (a === b) {
      continue;
    }
    if (a === null || b === null) {
      return (a === null) === nullsFirst ? -1 : 1;
    }
    const found = typeof a === "string" && typeof b === "string" ? compareTexts(a, b) : Number(a) - Number(b);
    if (found !== 0) {
      return descending ? -found : found;
    }
  }
  return 0;
}

/** Whether a server that orders texts by a language's rules has two rows the other way round. */
export function dependsOnCollation(orders: readonly Order[], one: Row, other: Row): boolean {
  return compareRows(orders, one, other) * compareRows(orders, one, other, byLanguage) < 0;
}

/** Whether texts decide where a row stands, other than those that every collation orders alike. */
export function hasCollation(orders: readonly Order[], row: Row): boolean {
  return orders.some(({ column }) => {
    const value = row[column];
    return typeof value === "string" && !isNeutral(value);
  });
}

const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/;

const isNeutral = (text: string): boolean => TIMESTAMP.test(text) || UUID.test(text);

/** Whether a language's rules have two texts the other way round. */
const dependsOnLanguage = (one: string, other: string): boolean => order(one, other) * byLanguage(one, other) < 0;

const byLanguage = (one: string, other: string): number =>
  isNeutral(one) && isNeutral(other) ? order(one, other) : one.localeCompare(other, "en");
