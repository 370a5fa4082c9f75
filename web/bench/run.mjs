/**
 * Times this project's browser engine beside onnxruntime-web: same network, same weights, same picture, in turns in the
 * same headless Chromium.
 *
 *   cargo xtask site                                     # the engine in web/src/engine
 *   cd web/bench && npm ci                               # onnxruntime-web
 *   python -m pip install -r requirements.txt && python export_onnx.py
 *   node run.mjs --json result.json                      # both devices; --help explains the rest
 *
 * The work is the same: one pass of a picture and its mirror image through the network, every map that the engine has at
 * the size of the input, and the mask by the model's own map and thresholds, without refinement. The engine with
 * refinement, as the page shows masks, is a column of its own, and so is onnxruntime-web where it rounds what enters a
 * layer of 8-bit weights to 8 bits: its default for such a file, other work, and other masks.
 *
 * Cold start: a new process of the browser has all bytes in memory, and nothing compiled; the time from there to the
 * first mask. Warm: the time from the picture's pixels to the mask, and of the network alone within it. Both prepare and
 * label the picture alike; every mask is compared with the first one. Ratios are of the same turn, so that a load which
 * lasts longer than a turn is in both. Processor time is that of all of the browser's processes and threads: on a busy
 * machine it tells more than the clock. Memory is what the wasm modules hold in the end; what they leave on a GPU is not
 * in it.
 */
import { writeFile } from 'node:fs/promises';
import { cpus, loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { chromium } from '@playwright/test';
import { serve } from '../tests/serve.mjs';
import { contenders, downloads, readManifest } from './contenders.mjs';
import { measure } from './measure.mjs';
import { table } from './report.mjs';

const WEB = fileURLToPath(new URL('../', import.meta.url));
/** Cross-origin isolation: only then may onnxruntime-web start threads. */
const ISOLATED = { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' };
const DEVICES = ['cpu', 'webgpu'];
/** Of the picture on the software adapter, which needs a minute for one of the model's own size. */
const SOFTWARE_LONG_SIDE = 112;
const HELP = `node run.mjs [options]
  --device cpu|webgpu    what to compare on (default: one after the other)
  --adapter software     WebGPU on Chromium's software adapter (default), or "hardware" for the machine's own
  --photo FILE           below web/ (default public/samples/cat.jpg)
  --long-side N          longer side of the network's input in pixels (default: the model's own, and ${SOFTWARE_LONG_SIDE} on the
                         software adapter)
  --threads N            threads of onnxruntime-web's second CPU run (default: all cores)
  --cold N, --warm N     how often each is started, and run once it is warm (default 5 and 15)
  --unmeasured N         warm runs before those, for the browser to optimise what it compiled (default 3)
  --json FILE            also writes every single time
The variable DALNET_CHROME names another Chromium than /usr/bin/chromium.`;

const { values: flags } = parseArgs({
  options: {
    device: { type: 'string' },
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

/** The whole number that a flag gives, not less than `least`. */
function count(flag, least) {
  const value = Number(flags[flag]);
  if (!Number.isInteger(value) || value < least)
    throw new Error(`--${flag} ${flags[flag]}: choose a whole number from ${least} on`);
  return value;
}

/** Compares on one device. */
async function compare(device, url) {
  const manifest = await readManifest();
  const software = device === 'webgpu' && flags.adapter === 'software';
  if (flags['long-side']) manifest.input.long_side = count('long-side', manifest.architecture.encoder.patch_size);
  else if (software) manifest.input.long_side = SOFTWARE_LONG_SIDE;
  const plan = {
    photo: flags.photo,
    longSide: manifest.input.long_side,
    patch: manifest.architecture.encoder.patch_size,
    cold: count('cold', 1),
    warm: count('warm', 1),
    unmeasured: count('unmeasured', 0),
  };
  const all = contenders(manifest, device, count('threads', 1));
  const bytes = [];
  for (const contender of all) bytes.push(await downloads(contender, manifest));
  const load = loadavg()[0].toFixed(1);
  const adapter = software ? ['--use-webgpu-adapter=swiftshader'] : [];
  const browser = await chromium.launch({
    executablePath: process.env.DALNET_CHROME || '/usr/bin/chromium',
    args: ['--no-sandbox', ...(device === 'webgpu' ? ['--enable-unsafe-webgpu', ...adapter] : [])],
  });
  try {
    const { picture, results } = await measure(browser, url, all, plan);
    const setting = {
      date: new Date().toISOString(),
      browser: `Chromium ${browser.version()}`,
      machine: `${cpus().length} × ${cpus()[0]?.model}`,
      load: `load ${load} before, ${loadavg()[0].toFixed(1)} after`,
      device: device === 'webgpu' ? `WebGPU, ${flags.adapter} adapter` : 'CPU',
      picture: `${flags.photo} at ${picture.width} × ${picture.height}`,
      isolated: picture.isolated,
    };
    return { setting, results: results.map((result, index) => ({ ...result, bytes: bytes[index] })) };
  } finally {
    await browser.close();
  }
}

async function main() {
  if (flags.help) {
    console.log(HELP);
    return;
  }
  if (flags.device && !DEVICES.includes(flags.device))
    throw new Error(`--device ${flags.device}: choose ${DEVICES.join(' or ')}`);
  const site = await serve(WEB, 0, { headers: ISOLATED });
  const reports = [];
  try {
    for (const device of flags.device ? [flags.device] : DEVICES) {
      reports.push(await compare(device, site.url));
      console.log(`${table(reports.at(-1))}\n`);
      if (flags.json) await writeFile(flags.json, `${JSON.stringify(reports, null, 1)}\n`);
    }
  } finally {
    site.close();
  }
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
