// @vitest-environment node
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import * as hooks from "../src/index.ts";

const WEB = new URL("../../..", import.meta.url).pathname;
const DOCS = join(WEB, "../docs");
const FOLDER = join(WEB, "packages/react/.examples");

const pages = [...readdirSync(join(DOCS, "hooks")).map((name) => `hooks/${name}`), "client.md", "migration.md"];

afterAll(() => rmSync(FOLDER, { recursive: true, force: true }));

test("F002-36 every example of the documentation compiles, strictly", () => {
  rmSync(FOLDER, { recursive: true, force: true });
  mkdirSync(FOLDER, { recursive: true });
  let examples = 0;
  for (const page of pages) {
    const text = readFileSync(join(DOCS, page), "utf8");
    for (const [, kind, code = ""] of text.matchAll(/```(tsx?)\n(.*?)```/gs)) {
      writeFileSync(join(FOLDER, `${page.replace(/\W/g, "_")}_${examples++}.${kind}`), code);
    }
  }
  const options = {
    noEmit: true,
    composite: false,
    declaration: false,
    jsx: "react-jsx",
    noUnusedLocals: false,
    types: ["react"],
    lib: ["ES2022", "DOM"],
  };
  const config = { extends: "../../../tsconfig.base.json", compilerOptions: options, include: ["*.ts", "*.tsx"] };
  writeFileSync(join(FOLDER, "tsconfig.json"), JSON.stringify(config));

  const compile = () => execFileSync(join(WEB, "node_modules/.bin/tsc"), ["-p", FOLDER], { encoding: "utf8" });
  expect(examples).toBeGreaterThan(24);
  expect(compile()).toBe("");
}, 60_000);

test("every hook has its page", () => {
  const named = Object.keys(hooks).filter((name) => /^use[A-Z]/.test(name));
  const internal = ["useLiveClient", "useLocale", "useChannels", "useSystemHealth", "useCallEvent"];

  expect(named.filter((name) => !internal.includes(name) && !pages.includes(`hooks/${name}.md`))).toEqual([]);
});
