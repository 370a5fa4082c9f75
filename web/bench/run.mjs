/**
 * Times this project's browser engine beside onnxruntime-web: same network, same weights, same picture, in turns in the
 * same headless Chromium.
 *
 *   cargo xtask site                                     # the engine in web/package/src/engine
 *   cd web/bench && npm ci                               # onnxruntime-web
 *   python -m pip install -r requirements.txt && python export_onnx.py
 *   node run.mjs --json result.json                      # --help explains the rest
 *
 * Cold start: a new process of the browser has all bytes in memory, and nothing compiled; the time from there to the
 * first mask. Warm: the time from the picture's pixels to the mask, and of the network alone within it. Both prepare and
 * label the picture alike; every mask is compared with the first one. Processor time is that of all of the browser's
 * processes and threads: on a busy machine it tells more than the clock. Memory is what the wasm modules hold in the
 * end; what they leave on a GPU is not in it.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { chromium } from '@playwright/test';
import { serve } from '../tests/serve.mjs';
import { table } from './report.mjs';

const WEB = new URL('../', import.meta.url);
/** Cross-origin isolation: only then may onnxruntime-web start threads. */
const ISOLATED = { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' };
const HELP = `node run.mjs [options]
  --device cpu|webgpu    what to compare on (default cpu)
  --adapter software     WebGPU on Chromium's software adapter (default), or "hardware" for the machine's own
  --photo FILE           below web/ (default public/samples/cat.jpg)
  --long-side N          longer side of the network's input in pixels (default: the model's own)
  --threads N            threads of onnxruntime-web's second CPU run (default: all cores)
  --cold N, --warm N     how often each is started, and run once it is warm (default 5 and 15)
  --unmeasured N         warm runs before those, for the browser to optimise what it compiled (default 3)
  --json FILE            also writes every single time
The variable DALNET_CHROME names another Chromium than /usr/bin/chromium.`;

const { values: flags } = parseArgs({
  options: {
    device: { type: 'string', default: 'cpu' },
    adapter: { type: 'string', default: 'software' },
    photo: { type: 'string', default: 'public/samples/cat.jpg' },
    'long-side': { type: 'string' },
    threads: { type: 'string', default: String(cpus().length) },
    cold: { type: 'string', default: '5' },
    warm: { type: 'string', default: '15' },
    unmeasured: { type: 'string', default: '3' },
    json: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

const DIST = 'bench/node_modules/onnxruntime-web/dist/';
/** The files that each engine downloads, below web/. */
const ENGINES = {
  dalnet: { script: 'package/src/engine/dalnet_web.js', engine: 'package/src/engine/dalnet_web_bg.wasm' },
  onnxruntime: {
    cpu: {
      script: [`${DIST}ort.wasm.min.mjs`, `${DIST}ort-wasm-simd-threaded.mjs`],
      engine: `${DIST}ort-wasm-simd-threaded.wasm`,
    },
    webgpu: {
      script: [`${DIST}ort.webgpu.min.mjs`, `${DIST}ort-wasm-simd-threaded.asyncify.mjs`],
      engine: `${DIST}ort-wasm-simd-threaded.asyncify.wasm`,
    },
  },
};

/** What runs against what: names, workers, options, and the files of scripts, engine and model. */
function contenders(manifest, text, device, threads) {
  const weights = manifest.files.map(({ path }) => `public/model/${path}`);
  if (weights.length !== 1)
    throw new Error(`the model has ${weights.length} files of weights: this compares models of one`);
  const ours = {
    name: 'DALNet',
    worker: 'dalnet.worker.mjs',
    options: { device, manifest: text },
    scripts: [ENGINES.dalnet.script],
    files: { engine: ENGINES.dalnet.engine, model: weights[0] },
  };
  const { script, engine } = ENGINES.onnxruntime[device];
  const theirs = (count) => ({
    name: device === 'cpu' ? `onnxruntime-web, ${count} thread${count > 1 ? 's' : ''}` : 'onnxruntime-web',
    worker: 'onnxruntime.worker.mjs',
    options: { device, manifest: text, threads: count },
    scripts: script,
    files: { engine, model: 'bench/model.onnx' },
  });
  return [ours, theirs(1), ...(device === 'cpu' && threads > 1 ? [theirs(threads)] : [])];
}

/** Bytes of files, as they are and as the gzip of a static host. */
async function sizes(paths) {
  const contents = await Promise.all(paths.map((path) => readFile(new URL(path, WEB))));
  const sum = (size) => contents.reduce((total, content) => total + size(content), 0);
  return { raw: sum((content) => content.length), gzip: sum((content) => gzipSync(content).length) };
}

async function main() {
  if (flags.help) {
    console.log(HELP);
    return;
  }
  const { device } = flags;
  if (!(device in ENGINES.onnxruntime)) throw new Error(`--device ${device}: choose cpu or webgpu`);
  const [threads, cold, warm, unmeasured] = ['threads', 'cold', 'warm', 'unmeasured'].map((flag) =>
    Number(flags[flag]),
  );
  const manifest = JSON.parse(await readFile(new URL('public/model/manifest.json', WEB), 'utf8'));
  if (flags['long-side']) manifest.input.long_side = Number(flags['long-side']);
  const all = contenders(manifest, JSON.stringify(manifest), device, threads);
  const software = flags.adapter === 'software' ? ['--use-webgpu-adapter=swiftshader'] : [];
  const browser = await chromium.launch({
    executablePath: process.env.DALNET_CHROME || '/usr/bin/chromium',
    args: ['--no-sandbox', ...(device === 'webgpu' ? ['--enable-unsafe-webgpu', ...software] : [])],
  });
  const site = await serve(fileURLToPath(WEB), 0, { headers: ISOLATED });
  try {
    const results = new Map();
    for (const { name, scripts, files } of all) {
      const bytes = { engine: await sizes([...scripts, files.engine]), model: await sizes([files.model]) };
      results.set(name, { name, bytes, cold: [], warm: [] });
    }

    /** Calls `visit` with a page of its own process, in which the picture is open. */
    const onPage = async (visit) => {
      const context = await browser.newContext();
      try {
        const page = await context.newPage();
        await page.goto(`${site.url}bench/index.html`);
        await page.waitForFunction(() => 'run' in window);
        const args = [site.url + flags.photo, manifest.input.long_side, manifest.architecture.encoder.patch_size];
        const picture = await page.evaluate((given) => window.openPicture(...given), args);
        return await visit(page, picture);
      } finally {
        await context.close();
      }
    };
    const start = (page, { name, worker, options, files }) => {
      const urls = Object.fromEntries(Object.entries(files).map(([file, path]) => [file, site.url + path]));
      return page.evaluate((given) => window.start(given), { name, script: worker, files: urls, options });
    };

    const system = await browser.newBrowserCDPSession();
    /** What `work` gives, with the milliseconds of processor time that the browser spent meanwhile. */
    const timed = async (work) => {
      const spent = async () => {
        const { processInfo } = await system.send('SystemInfo.getProcessInfo');
        return processInfo.reduce((sum, { cpuTime }) => sum + 1000 * cpuTime, 0);
      };
      const before = await spent();
      const result = await work();
      return { ...result, processor: (await spent()) - before };
    };

    for (let turn = 0; turn < cold; turn += 1) {
      for (const contender of all) {
        const result = await onPage((page) => timed(() => start(page, contender)));
        results.get(contender.name).cold.push(result);
        console.error(`cold ${turn + 1}/${cold} ${contender.name}: ${Math.round(result.milliseconds)} ms`);
      }
    }
    const picture = await onPage(async (page, opened) => {
      for (const contender of all) await start(page, contender);
      for (let turn = -unmeasured; turn < warm; turn += 1) {
        for (const { name } of all) {
          // Threads of the one before may still spin.
          await page.waitForTimeout(100);
          const result = await timed(() => page.evaluate((given) => window.run(given), name));
          if (turn >= 0) results.get(name).warm.push(result);
        }
        console.error(`warm ${turn + 1}/${warm}`);
      }
      return opened;
    });
    const { width, height, isolated } = picture;
    const setting = {
      date: new Date().toISOString(),
      browser: `Chromium ${browser.version()}`,
      machine: `${cpus().length} × ${cpus()[0]?.model}`,
      device: device === 'webgpu' ? `WebGPU, ${flags.adapter} adapter` : 'CPU',
      picture: `${flags.photo} at ${width} × ${height}`,
      isolated,
    };
    const report = { setting, results: [...results.values()] };
    if (flags.json) await writeFile(flags.json, `${JSON.stringify(report, null, 1)}\n`);
    console.log(table(report));
  } finally {
    await browser.close();
    site.close();
  }
}

await main();
