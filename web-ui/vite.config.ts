import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import vue from "@vitejs/plugin-vue";
import { defineConfig, type Plugin } from "vite";

/** Names, versions and licences of the packages whose code is in the page, as a text file. */
function licences(): Plugin {
  return {
    name: "licences",
    generateBundle(_options, bundle) {
      const folders = new Set<string>();
      for (const chunk of Object.values(bundle)) {
        if (chunk.type !== "chunk") continue;
        for (const id of chunk.moduleIds) {
          const found = /^\0?(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(id);
          if (found?.[1]) folders.add(found[1]);
        }
      }
      const texts = [...folders].sort().map((folder) => {
        const { name, version, license } = JSON.parse(
          readFileSync(join(folder, "package.json"), "utf8"),
        ) as Record<string, string>;
        const file = readdirSync(folder).find((one) => /^licen[cs]e/i.test(one));
        const text = file ? readFileSync(join(folder, file), "utf8").trim() : "";
        return `${name} ${version}: ${license}\n\n${text}\n`;
      });
      const source = `The page holds code of these packages.\n\n${texts.join("\n\n")}`;
      this.emitFile({ type: "asset", fileName: "licences.txt", source });
    },
  };
}

export default defineConfig({
  // Relative addresses: the page works below any path of a proxy.
  base: "./",
  plugins: [vue(), licences()],
  define: { __VUE_OPTIONS_API__: "false" },
  build: {
    outDir: "../src/genrewise/web/static",
    emptyOutDir: true,
    target: "es2022",
    // Nothing as data: address: the content-security policy allows them for pictures only.
    assetsInlineLimit: 0,
    // One sheet: a part of the page that failed to load once must not come without its own later.
    cssCodeSplit: false,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: { proxy: { "/api": "http://127.0.0.1:8000" } },
});
