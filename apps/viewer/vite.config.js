import { defineConfig } from 'vite';

export default defineConfig({
  // relative URLs: the same files work under any path
  base: './',
  build: {
    target: 'es2022',
    emptyOutDir: true,
    // the 3-D chunk holds the whole of three and loads after the first paint
    chunkSizeWarningLimit: 1200,
    reportCompressedSize: false,
    modulePreload: { polyfill: false },
    // a loaded machine is no news
    rolldownOptions: { checks: { bundlerTimings: false } },
  },
  server: { proxy: { '/api': 'http://127.0.0.1:8338' } },
});
