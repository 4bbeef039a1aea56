import { readdirSync, readFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { describe, expect, test } from "vitest";

const SRC = new URL("../src", import.meta.url).pathname;

const files = (folder: string): string[] =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory()
      ? files(join(folder, entry.name))
      : /\.tsx?$/.test(entry.name)
        ? [join(folder, entry.name)]
        : [],
  );

/** Every import of another file of the console, from and to, relative to `src`. */
const imports = files(SRC).flatMap((file) =>
  [...readFileSync(file, "utf8").matchAll(/from "(\.[^"]+)"|import\("(\.[^"]+)"\)/g)].map(([, from, lazy]) => ({
    from: relative(SRC, file),
    to: relative(SRC, resolve(file, "..", from ?? lazy ?? "")),
  })),
);

const feature = (path: string) => /^features\/([^/]+)\//.exec(path)?.[1];

describe("the console's layers", () => {
  test("there is something to look at", () => {
    expect(imports.length).toBeGreaterThan(100);
  });

  test("features never import each other", () => {
    const across = imports.filter(({ from, to }) => feature(from) && feature(to) && feature(from) !== feature(to));

    expect(across).toEqual([]);
  });

  test("ui knows no data", () => {
    expect(imports.filter(({ from, to }) => from.startsWith("ui/") && !to.startsWith("ui/"))).toEqual([]);
  });

  test("data knows no screens", () => {
    const screens = imports.filter(({ from, to }) => from.startsWith("data/") && !/^(data|ui)\//.test(to));

    expect(screens).toEqual([]);
  });

  test("what features share knows no feature", () => {
    expect(imports.filter(({ from, to }) => from.startsWith("floor/") && to.startsWith("features/"))).toEqual([]);
  });
});
