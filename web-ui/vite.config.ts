import vue from "@vitejs/plugin-vue";
import { defineConfig } from "vite";

export default defineConfig({
  // Relative addresses: the page works below any path of a proxy.
  base: "./",
  plugins: [vue()],
  define: { __VUE_OPTIONS_API__: "false" },
  build: {
    outDir: "../src/genrewise/web/static",
    emptyOutDir: true,
    target: "es2022",
    // Nothing as data: address: the content-security policy allows them for pictures only.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: { proxy: { "/api": "http://127.0.0.1:8000" } },
});
