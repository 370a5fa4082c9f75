/**
 * Times this project's browser engine beside onnxruntime-web: same network, same weights, same picture, in turns in the
 * headless Chromium.
 *
 *   cargo xtask site && node web/package/build.mjs       # the engine in web/package/dist
 *   cd web/bench && npm ci                               # onnxruntime-web
 *   python -m pip install -r requirements.txt && python export_onnx.py
 *   node run.mjs --json result.json                      # both devices; --help explains the rest
 *
 * The work is the same: one pass of a picture and its mirror image through the network, similarity, logits, and the mask by
 * the model's own map and thresholds, without refinement. The engine with
 * refinement, as the page shows masks, is a column of its own: more work, and other masks. On the CPU the engine runs as on
 * the page, with a second worker for the mirror image where there are two cores, and without it.
 *
 * Cold start: a new browser has all bytes in memory, and nothing compiled; the time from there to the
 * first mask. Warm: the time from the picture's pixels to the mask, and of the network alone within it. Both prepare and
 * label the picture alike; every mask is compared with the first one. Ratios are of the same turn, so that a load which
 * lasts longer than a turn is in both. Processor time is that of all of the browser's processes and threads: on a busy
 * machine it tells more than the clock. Memory is what the wasm modules hold in the end, without that of a second worker;
 * what they leave on a GPU is not in it.
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
/** How often each engine is started and run; less on a software adapter, which needs many seconds even so. */
const USUAL = { cold: 5, warm: 15, unmeasured: 3 };
const SOFTWARE = { longSide: 112, cold: 2, warm: 3, unmeasured: 1 };
const HELP = `node run.mjs [options]
  --device cpu|webgpu    what to compare on (default: one after the other)
  --adapter software     WebGPU on Chromium's software adapter (default), or "hardware" for the machine's own
  --photo FILE           below web/ (default public/samples/cat.jpg)
  --long-side N          longer side of the network's input in pixels (default: the model's own)
  --threads N            threads of onnxruntime-web's second CPU run (default: all cores)
  --cold N, --warm N     how often each is started, and run once it is warm (default ${USUAL.cold} and ${USUAL.warm})
  --unmeasured N         warm runs before those, for the browser to optimise what it compiled (default ${USUAL.unmeasured})
  --json FILE            also writes every single time
On the software adapter the defaults are --long-side ${SOFTWARE.longSide}, --cold ${SOFTWARE.cold}, --warm ${SOFTWARE.warm} and --unmeasured ${SOFTWARE.unmeasured}.
The variable DALNET_CHROME names another Chromium than /usr/bin/chromium.`;

const { values: flags } = parseArgs({
  options: {
    device: { type: 'string' },
    adapter: { type: 'string', default: 'software' },
    photo: { type: 'string', default: 'public/samples/cat.jpg' },
    'long-side': { type: 'string' },
    threads: { type: 'string' },
    cold: { type: 'string' },
    warm: { type: 'string' },
    unmeasured: { type: 'string' },
    json: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

/** The whole number that a flag gives, or the `usual` one; not less than `least`. */
function whole(flag, least, usual) {
  const given = flags[flag] ?? usual;
  const value = Number(given);
  if (!Number.isInteger(value) || value < least)
    throw new Error(`--${flag} ${given}: choose a whole number from ${least} on`);
  return value;
}

/** Compares on one device. */
async function compare(device, url) {
  const manifest = await readManifest();
  const software = device === 'webgpu' && flags.adapter === 'software';
  const usual = software ? SOFTWARE : { longSide: manifest.input.long_side, ...USUAL };
  const patch = manifest.architecture.encoder.patch_size;
  const plan = {
    photo: flags.photo,
    longSide: whole('long-side', patch, usual.longSide),
    patch,
    cold: whole('cold', 1, usual.cold),
    warm: whole('warm', 1, usual.warm),
    unmeasured: whole('unmeasured', 0, usual.unmeasured),
  };
  manifest.input.long_side = plan.longSide;
  const all = contenders(manifest, device, whole('threads', 1, cpus().length));
  const bytes = [];
  for (const contender of all) bytes.push(await downloads(contender, manifest));
  const load = loadavg()[0].toFixed(1);
  const adapter = software ? ['--use-webgpu-adapter=swiftshader'] : [];
  const launch = () =>
    chromium.launch({
      executablePath: process.env.DALNET_CHROME || '/usr/bin/chromium',
      args: ['--no-sandbox', ...(device === 'webgpu' ? ['--enable-unsafe-webgpu', ...adapter] : [])],
    });
  const { picture, browser, results } = await measure(launch, url, all, plan);
  const setting = {
    date: new Date().toISOString(),
    browser: `Chromium ${browser}`,
    machine: `${cpus().length} × ${cpus()[0]?.model}`,
    load: `load ${load} before, ${loadavg()[0].toFixed(1)} after`,
    device: device === 'webgpu' ? `WebGPU, ${flags.adapter} adapter` : 'CPU',
    picture: `${flags.photo} at ${picture.width} × ${picture.height}`,
    isolated: picture.isolated,
  };
  return { setting, results: results.map((result, index) => ({ ...result, bytes: bytes[index] })) };
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
