import { defineConfig } from 'vite';

/** Builds the web chat into the files that the service serves; they are committed, and two builds make the same bytes. */
export default defineConfig({
  root: import.meta.dirname,
  base: '/web/',
  publicDir: false,
  build: {
    outDir: '../server/web/assets',
    emptyOutDir: true,
    target: 'es2023',
    cssCodeSplit: false,
    modulePreload: false,
    // Pictures would be further files that nobody serves.
    assetsInlineLimit: 100_000,
    reportCompressedSize: true,
    rolldownOptions: {
      output: { entryFileNames: 'app.js', assetFileNames: 'app[extname]', codeSplitting: false },
    },
  },
});
