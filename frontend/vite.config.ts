import { existsSync, readdirSync } from "node:fs";
import { defineConfig } from "vite";

// One entry a folder of src that has a door, and the style sheet.
const islands = readdirSync("src").filter((name) => existsSync(`src/${name}/index.ts`));

export default defineConfig({
  base: "/static/app/",
  resolve: { alias: { events: "events/events.js" } },
  worker: { format: "es" },
  build: {
    manifest: "manifest.json",
    rollupOptions: { input: [...islands.map((name) => `src/${name}/index.ts`), "src/styles/app.css"] },
    chunkSizeWarningLimit: 8000,
  },
});
