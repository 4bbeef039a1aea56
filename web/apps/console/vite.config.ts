import { fileURLToPath } from "node:url";
import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

const server = process.env.SWITCHBOARD_URL ?? "http://127.0.0.1:8000";
const paths = ["/auth/v1", "/rest/v1", "/realtime/v1", "/api", "/config.json", "/readyz"];

export default defineConfig({
  plugins: [react(), tailwindcss()],
  resolve: { alias: { "@supabase/storage-js": fileURLToPath(new URL("./no-storage.ts", import.meta.url)) } },
  build: { target: "es2022", assetsInlineLimit: 0, chunkSizeWarningLimit: 800 },
  server: { proxy: Object.fromEntries(paths.map((path) => [path, { target: server, ws: true, changeOrigin: true }])) },
});
