import { expect, test } from "vitest";
import { en } from "../src/locales/en.ts";
import { ptBR } from "../src/locales/pt-BR.ts";
import { duration } from "../src/ui/clock.tsx";

type Texts = { readonly [key: string]: string | Texts };

const flat = (texts: Texts, before = ""): [string, string][] =>
  Object.entries(texts).flatMap(([key, value]) =>
    typeof value === "string" ? [[before + key, value] as [string, string]] : flat(value, `${before}${key}.`),
  );

const slots = (text: string) => [...text.matchAll(/\{\{(\w+)\}\}/g)].map(([, name]) => name).sort();

test("F004-17 both languages have the same texts with the same places to fill in", () => {
  const portuguese = new Map(flat(ptBR));

  for (const [key, text] of flat(en)) {
    expect(portuguese.get(key), key).toBeDefined();
    expect(slots(portuguese.get(key) ?? ""), key).toEqual(slots(text));
  }
});

test("no text shouts or apologises", () => {
  const wrong = [...flat(en), ...flat(ptBR)].filter(([, text]) => /!|oops|ops,/i.test(text));

  expect(wrong).toEqual([]);
});

test("durations as DESIGN 3 writes them", () => {
  expect([7, 1_040, 3_765].map(duration)).toEqual(["0:07", "17:20", "1:02:45"]);
});
