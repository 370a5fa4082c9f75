/** What runs against what, and the files that each downloads. */
import { readFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';

const WEB = new URL('../', import.meta.url);
const MODEL = 'public/model/';
const GRAPH = 'bench/model.onnx';
const DIST = 'bench/node_modules/onnxruntime-web/dist/';

/** The scripts and the wasm module of each engine, below web/. */
const DALNET = {
  scripts: ['package/dist/engine/dalnet_web.js', 'package/dist/mirror.js', 'package/dist/mirror-worker.js'],
  engine: 'package/dist/engine/dalnet_web_bg.wasm',
};
const ONNXRUNTIME = {
  cpu: {
    scripts: [`${DIST}ort.wasm.min.mjs`, `${DIST}ort-wasm-simd-threaded.mjs`],
    engine: `${DIST}ort-wasm-simd-threaded.wasm`,
  },
  webgpu: {
    scripts: [`${DIST}ort.webgpu.min.mjs`, `${DIST}ort-wasm-simd-threaded.asyncify.mjs`],
    engine: `${DIST}ort-wasm-simd-threaded.asyncify.wasm`,
  },
};

/**
 * @typedef {{ name: string, worker: string, options: Record<string, any>, scripts: string[],
 *   files: { engine: string, model: string } }} Contender with paths below web/.
 */

/** The text of the shipped model's manifest. */
export async function readManifest() {
  return JSON.parse(String(await read(`${MODEL}manifest.json`, 'put a model there')));
}

/**
 * The engines on a device, this project's first. All but the refined one do the same work.
 * @param {any} manifest of the shipped model, changed as the run wants it
 * @param {string} device "cpu" or "webgpu"
 * @param {number} threads of onnxruntime-web's last run on the CPU
 * @returns {Contender[]}
 */
export function contenders(manifest, device, threads) {
  const weights = manifest.files.map(({ path }) => MODEL + path);
  if (weights.length !== 1)
    throw new Error(`${MODEL}manifest.json names ${weights.length} files of weights: this compares models of one`);
  const text = JSON.stringify(manifest);
  const ours = (name, options) => ({
    name: `DALNet${name}`,
    worker: 'dalnet.worker.mjs',
    options: { device, manifest: text, refine: false, workers: 1, ...options },
    scripts: DALNET.scripts,
    files: { engine: DALNET.engine, model: weights[0] },
  });
  const theirs = (name, count) => ({
    name: `onnxruntime-web${name}`,
    worker: 'onnxruntime.worker.mjs',
    options: { device, manifest: text, threads: count },
    scripts: ONNXRUNTIME[device].scripts,
    files: { engine: ONNXRUNTIME[device].engine, model: GRAPH },
  });
  // Maps are refined on the CPU whatever the device: one column of that is enough.
  if (device === 'webgpu') return [ours('', {}), theirs('', 1)];
  const many = threads > 1 ? 2 : 1;
  const all = [ours(many > 1 ? ', 2 workers' : '', { workers: many })];
  if (many > 1) all.push(ours(', 1 worker', {}));
  if (manifest.input.refinement) all.push(ours(', refined', { workers: many, refine: true }));
  all.push(theirs(', 1 thread', 1));
  if (threads > 1) all.push(theirs(`, ${threads} threads`, threads));
  return all;
}

/** Bytes of what a contender downloads, as they are and as the gzip of a static host. */
export async function downloads({ scripts, files }, manifest) {
  const engine = [...scripts, files.engine].map((path) =>
    read(path, path.startsWith(DIST) ? 'run npm ci in web/bench' : 'run node build.mjs in web/package'),
  );
  const model = await read(files.model, 'run python export_onnx.py in web/bench');
  if (files.model === GRAPH && !manifest.files.every(({ sha256 }) => model.includes(sha256)))
    throw new Error(`web/${GRAPH} holds other weights than web/${MODEL}: run python export_onnx.py in web/bench again`);
  return { engine: sizes(await Promise.all(engine)), model: sizes([model]) };
}

function sizes(contents) {
  const sum = (size) => contents.reduce((total, content) => total + size(content), 0);
  return { raw: sum((content) => content.length), gzip: sum((content) => gzipSync(content).length) };
}

function read(path, remedy) {
  return readFile(new URL(path, WEB)).catch((error) => {
    throw new Error(`web/${path} cannot be read (${error.code}): ${remedy}`);
  });
}
