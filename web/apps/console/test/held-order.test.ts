import { describe, expect, test } from "vitest";
import { differences, merge } from "../src/features/board/held-order.ts";

const key = (item: { id: string }) => item.id;
const items = (ids: string, value = 0) => [...ids].map((id) => ({ id, value }));

describe("U7 a held order", () => {
  test("rows stay where they stood, and say what is true now", () => {
    const held = merge(items("abc"), items("cba", 1), key);

    expect(held.map(({ item }) => `${item.id}${item.value}`)).toEqual(["a1", "b1", "c1"]);
  });

  test("one that has left keeps its place, marked", () => {
    expect(merge(items("abc"), items("ac"), key).map(({ isGone }) => isGone)).toEqual([false, true, false]);
  });

  test("its changes are what came, what went, and what would have to move", () => {
    expect(differences(items("abcd"), items("abcd"), key)).toBe(0);
    expect(differences(items("abcd"), items("xabcd"), key)).toBe(1);
    expect(differences(items("abcd"), items("acd"), key)).toBe(1);
    expect(differences(items("abcd"), items("dabc"), key)).toBe(1);
    expect(differences(items("abcd"), items("dcba"), key)).toBe(3);
  });
});
