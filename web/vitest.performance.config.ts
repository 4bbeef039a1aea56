import { defineConfig } from "vitest/config";

/** Not a test: figures of the board under load, for docs/performance.md. */
export default defineConfig({ test: { include: ["e2e/performance.ts"], testTimeout: 600_000, hookTimeout: 120_000 } });
