/**
 * Builds the package into `dist`: `npm pack` runs it. The modules stay apart, so that every bundler finds worker and
 * engine by the addresses that stand in them. The engine must have been built by `cargo xtask site`.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const at = (path) => fileURLToPath(new URL(path, import.meta.url));

const engine = at('src/engine/dalnet_web_bg.wasm');
if (!existsSync(engine)) throw new Error(`${engine} is missing: build the engine first with \`cargo xtask site\``);

rmSync(at('dist'), { recursive: true, force: true });
execFileSync(process.execPath, [at('../node_modules/typescript/bin/tsc'), '-p', at('.')], { stdio: 'inherit' });
cpSync(at('src/engine'), at('dist/engine'), { recursive: true });
for (const licence of ['LICENSE-APACHE', 'LICENSE-MIT']) cpSync(at(`../../${licence}`), at(`dist/${licence}`));

// What Vite's `define` is for the page.
const worker = readFileSync(at('dist/worker.js'), 'utf8');
const defined = worker.replaceAll('ENGINE_BYTES', String(statSync(engine).size));
if (defined === worker) throw new Error('dist/worker.js does not name ENGINE_BYTES');
writeFileSync(at('dist/worker.js'), defined);
