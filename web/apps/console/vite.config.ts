import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

const server = process.env.SWITCHBOARD_URL ?? "http://127.0.0.1:8000";
const paths = ["/auth/v1", "/rest/v1", "/realtime/v1", "/api", "/config.json", "/readyz"];

/** The drawings are part of the page: a file beside it would be asked for again just when the server is gone. */
const icons = {
  name: "icons",
  transformIndexHtml: (html: string) =>
    html.replace("<body>", `<body>\n${readFileSync(new URL("./src/ui/icons.svg", import.meta.url), "utf8").trim()}`),
};

export default defineConfig({
  plugins: [react(), tailwindcss(), icons],
  resolve: { alias: { "@supabase/storage-js": fileURLToPath(new URL("./no-storage.ts", import.meta.url)) } },
  build: { target: "es2022", assetsInlineLimit: 0, chunkSizeWarningLimit: 800 },
  server: { proxy: Object.fromEntries(paths.map((path) => [path, { target: server, ws: true, changeOrigin: true }])) },
});
