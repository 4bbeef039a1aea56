// @vitest-environment node
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "vite";
import { expect, test } from "vitest";

const PACKAGES = new URL("../..", import.meta.url).pathname;

/** Minified and compressed, as a page would load it. */
async function size(entry: string, external: readonly string[]): Promise<{ bytes: number; code: string }> {
  const result = await build({
    configFile: false,
    logLevel: "error",
    build: {
      write: false,
      minify: true,
      lib: { entry, formats: ["es"] },
      rollupOptions: { external: [...external] },
    },
  });
  const outputs = (Array.isArray(result) ? result : [result]).flatMap((one) => ("output" in one ? one.output : []));
  const code = outputs.map((one) => (one.type === "chunk" ? one.code : "")).join("");
  return { bytes: gzipSync(code).length, code };
}

test("the client is under 19 KB beyond supabase-js", async () => {
  const { bytes } = await size(`${PACKAGES}client/dist/index.js`, []);

  expect(bytes).toBeGreaterThan(5_000);
  expect(bytes).toBeLessThan(19 * 1024);
});

test("the hooks and components are under 10 KB beyond that and React", async () => {
  const { bytes } = await size(`${PACKAGES}react/dist/index.js`, ["react", "react/jsx-runtime", "@switchboard/client"]);

  expect(bytes).toBeGreaterThan(3_000);
  expect(bytes).toBeLessThan(10 * 1024);
});

test("who imports one thing gets one thing", async () => {
  const folder = mkdtempSync(join(tmpdir(), "switchboard-bundle-"));
  const entry = join(folder, "one.js");
  writeFileSync(entry, `export { next } from "${PACKAGES}client/dist/index.js";`);
  const { bytes, code } = await size(entry, []);
  rmSync(folder, { recursive: true });

  expect(bytes).toBeLessThan(1_024);
  expect(code).not.toContain("postgres_changes");
});
