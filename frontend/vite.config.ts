import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin } from "vite";

const here = dirname(fileURLToPath(import.meta.url));
const require = createRequire(import.meta.url);

/** Copy the SDK's own bundle, byte for byte, so that the demo page runs what npm users run. */
function copyConnectSdk(): Plugin {
  const bundle = require.resolve("@useparagon/connect/ConnectSDK");
  const copies = {
    "demo/connect-sdk.js": bundle,
    "demo/ConnectSDK.js.LICENSE.txt": `${bundle}.LICENSE.txt`,
  };
  return {
    name: "copy-connect-sdk",
    generateBundle() {
      for (const [fileName, path] of Object.entries(copies)) {
        this.emitFile({ type: "asset", fileName, source: readFileSync(path) });
      }
    },
  };
}

/** Ship the licence notices of the packages whose code or styles are in the output. */
function licences(): Plugin {
  const read = (path: string): string => readFileSync(join(here, "node_modules", path), "utf-8");
  // Tabler publishes no licence file; its style sheet begins with its notice.
  const tabler = /^[\s\S]*?\*\//.exec(read("@tabler/core/dist/css/tabler.css"))?.[0];
  const notices = [tabler, read("@useparagon/connect/LICENSE"), read("htmx.org/LICENSE")];
  return {
    name: "licences",
    generateBundle() {
      this.emitFile({ type: "asset", fileName: "LICENSES.txt", source: notices.join("\n\n") });
    },
  };
}

export default defineConfig({
  root: here,
  base: "./",
  plugins: [copyConnectSdk(), licences()],
  build: {
    outDir: resolve(here, "../connector/web/static/dist"),
    emptyOutDir: true,
    target: "es2022",
    modulePreload: false,
    // File names are fixed: the server adds a hash of the content to the address.
    rolldownOptions: {
      input: {
        app: resolve(here, "src/app/main.ts"),
        connect: resolve(here, "src/connect/main.ts"),
        demo: resolve(here, "src/demo/main.ts"),
        portal: resolve(here, "src/portal/main.ts"),
        theme: resolve(here, "src/theme.ts"),
      },
      output: {
        entryFileNames: "[name].js",
        chunkFileNames: "chunks/[name]-[hash].js",
        assetFileNames: "[name][extname]",
      },
    },
  },
});
