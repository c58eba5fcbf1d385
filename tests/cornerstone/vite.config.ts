import { defineConfig } from "vite";

// Cornerstone asks for Node's `events`, which the package of that name stands in for.
export default defineConfig({
  base: "/cornerstone-check/",
  resolve: { alias: { events: "events/events.js" } },
  worker: { format: "es" },
  build: { target: "esnext", chunkSizeWarningLimit: 10000 },
});
