import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { tanstackRouter } from "@tanstack/router-plugin/vite";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

import { licences } from "./scripts/licences.ts";

const require = createRequire(import.meta.url);
const VIEWER = ["swagger-ui-bundle.js", "swagger-ui.css", "LICENSE", "NOTICE"].map((file) =>
  require.resolve(`swagger-ui-dist/${file}`),
);

/** The API reference's viewer, copied out of node_modules so that it asks no other host. */
function apiReference(): Plugin {
  return {
    name: "carrel-api-reference",
    apply: "build",
    generateBundle() {
      for (const file of VIEWER) {
        this.emitFile({
          type: "asset",
          fileName: `reference/${basename(file)}`,
          source: readFileSync(file),
        });
      }
    },
  };
}

export default defineConfig({
  plugins: [
    tanstackRouter({ target: "react", autoCodeSplitting: true }),
    react(),
    apiReference(),
    licences(VIEWER),
  ],
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  // The server puts a fresh nonce in place of this word each time it hands out index.html.
  html: { cspNonce: "__CARREL_NONCE__" },
  build: {
    target: "es2022",
    manifest: true,
    sourcemap: false,
    assetsInlineLimit: 0, // nothing is inlined as a data: URL
    modulePreload: { polyfill: false },
  },
  server: {
    port: 5173,
    proxy: {
      // A site under `make demo` or `carrel up`; CARREL_URL names another.
      "/api": { target: process.env["CARREL_URL"] ?? "http://127.0.0.1:8750", changeOrigin: false },
    },
  },
});
