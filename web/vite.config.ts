import { statSync } from 'node:fs';
import { defineConfig } from 'vite';
import { serviceWorker } from './service-worker-plugin.ts';

/** Size of the wasm engine in bytes: a compressed response does not tell it, and the progress bar needs it. */
function engineBytes(): number {
  const file = new URL('package/src/engine/dalnet_web_bg.wasm', import.meta.url);
  try {
    return statSync(file).size;
  } catch {
    throw new Error(`${file.pathname} is missing: build the engine first with \`cargo xtask site\``);
  }
}

export default defineConfig({
  // Relative addresses, so the site works from any folder of any host.
  base: './',
  define: { ENGINE_BYTES: engineBytes() },
  build: {
    target: 'es2022',
    // The Content-Security-Policy forbids data: scripts, and wasm must stay a file of its own.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  worker: { format: 'es' },
  plugins: [serviceWorker()],
});
