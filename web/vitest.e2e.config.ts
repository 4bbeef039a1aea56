import { defineConfig } from "vitest/config";

/** Against the built jar, real sockets and a real browser; one file after the other, since each has its own server. */
export default defineConfig({
  test: {
    include: ["e2e/**/*.test.ts"],
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    sequence: { concurrent: false },
    maxConcurrency: 8, // they wait more than they work
  },
});
