import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    projects: [
      { test: { name: "client", root: "packages/client", environment: "node", include: ["test/**/*.test.ts"] } },
      {
        test: { name: "react", root: "packages/react", environment: "jsdom", include: ["test/**/*.test.{ts,tsx}"] },
        oxc: { jsx: { runtime: "automatic" } },
      },
      {
        test: {
          name: "console",
          root: "apps/console",
          environment: "node",
          include: ["test/**/*.test.{ts,tsx}"],
        },
      },
    ],
  },
});
