/**
 * The worker: owns the wasm engine and the GPU, so that the page stays responsive whatever they do.
 * It does one job after the other; the segmenter decides on their order.
 */
import { ByteCount, chunks, request } from './bytes.ts';
import { chooseDevice } from './device.ts';
import init, { Engine } from './engine/dalnet_web.js';
import type { Stage } from './error.ts';
import type { FromWorker, Job, ToWorker } from './messages.ts';
import { Mirror } from './mirror.ts';
import { fetchModel } from './model.ts';
import { openPicture, type Picture } from './picture.ts';
import { Sentence, textOf } from './sentence.ts';
import type { Device, Heat, MapName, Question, Result, Segmentation, Similarity } from './types.ts';

/** The engine with its model, and where it computes. */
interface Ready {
  readonly engine: Engine;
  readonly device: Device;
  /** Does half of the work on the CPU, where there is a second core. */
  readonly mirror: Mirror | null;
}

let engine: Promise<Ready | null> = Promise.resolve(null);
let jobs: Promise<void> = Promise.resolve();
/** The picture that the engine remembers. */
let remembered: number | null = null;
let panic = '';

self.addEventListener('message', ({ data }: MessageEvent<ToWorker>) => {
  if (data.type === 'start') engine = start(data);
  else jobs = jobs.then(() => segment(data));
});

// A panic inside an async wasm call never settles its promise. It does reach these events, and the panic hook has
// written the reason to the console just before.
const writeConsoleError = console.error;
console.error = (...parts: unknown[]) => {
  const text = parts.map(textOf).join(' ');
  if (text.startsWith('panicked at')) panic = text;
  writeConsoleError(...parts);
};
self.addEventListener('error', (event) => {
  event.preventDefault();
  crashed(event.message);
});
self.addEventListener('unhandledrejection', (event) => {
  event.preventDefault();
  crashed(textOf(event.reason));
});

function crashed(message: string): void {
  // The first line of a panic is its place in the source, the second its message; then comes the stack.
  const reason = panic.split('\n', 2).join(' ') || message;
  fail('engine', new Sentence(`The engine stopped: ${reason}`));
}

/** Chooses the device, brings engine and model side by side, and joins them. Gives `null` when that failed. */
async function start({ preference, manifestUrl }: Extract<ToWorker, { type: 'start' }>): Promise<Ready | null> {
  let stage: Stage = 'engine';
  try {
    const choice = await chooseDevice(preference, navigator.gpu);
    post({ type: 'device', ...choice });
    stage = 'model';
    const count = new ByteCount(2, (loaded, total) => post({ type: 'download', loaded, total }));
    const [model, module] = await Promise.all([
      fetchModel(manifestUrl, (loaded, total) => count.set(0, loaded, total)),
      loadModule((loaded) => count.set(1, loaded, ENGINE_BYTES)),
    ]);
    stage = 'engine';
    post({ type: 'loading' });
    const mirror = choice.device === 'cpu' ? Mirror.start(module, model) : null;
    const loaded = await Engine.load(model.manifestText, model.weights, choice.device);
    const [maps, map] = [loaded.maps as MapName[], loaded.map as MapName];
    post({ type: 'ready', classes: model.manifest.classes, maps, map, refines: loaded.refines });
    return { engine: loaded, device: choice.device, mirror };
  } catch (error) {
    fail(stage, error);
    return null;
  }
}

/** Downloads the wasm module and compiles it while it arrives. */
async function loadModule(onBytes: (loaded: number) => void): Promise<WebAssembly.Module> {
  onBytes(0);
  const url = new URL('./engine/dalnet_web_bg.wasm', import.meta.url);
  const response = await request(url.href, 'The engine');
  const arriving = chunks(response, 'the engine', onBytes);
  let broken: unknown;
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await arriving.next();
        if (done) controller.close();
        else controller.enqueue(value);
      } catch (error) {
        broken = error;
        controller.error(error);
      }
    },
  });
  try {
    const response = new Response(body, { headers: { 'content-type': 'application/wasm' } });
    const module = await WebAssembly.compileStreaming(response);
    await init({ module_or_path: module });
    return module;
  } catch (error) {
    // The compiler reports a broken download in words of its own.
    throw broken ?? error;
  }
}

/** Decodes the picture, unless the engine remembers it, and answers when the engine is ready. */
async function segment({ picture: number, source, name, question, wantsPicture }: Job): Promise<void> {
  let stage: Stage = 'picture';
  try {
    const picture = number === remembered ? null : await openPicture(source, name);
    if (picture) hand(picture, wantsPicture);
    const ready = await engine;
    if (!ready) return;
    stage = 'run';
    post({ type: 'running' });
    const result = await answer(ready, picture, question);
    remembered = number;
    post({ type: 'segmentation', result }, buffersOf(result));
  } catch (error) {
    fail(stage, error);
  }
}

function hand({ bitmap, sourceWidth, sourceHeight }: Picture, isWanted: boolean): void {
  if (isWanted) post({ type: 'picture', picture: { bitmap, sourceWidth, sourceHeight } }, [bitmap]);
  else {
    bitmap.close();
    post({ type: 'picture', picture: null });
  }
}

/** Runs the network on `picture`, or without one asks about the picture that the engine remembers. */
async function answer({ engine, device, mirror }: Ready, picture: Picture | null, question: Question): Promise<Result> {
  const { classes, backgroundThreshold, map = engine.map as MapName, refine = engine.refines, heats = [] } = question;
  const options = { classes, background_threshold: backgroundThreshold, map, refine };
  const begin = performance.now();
  const segmentation = (await (picture
    ? engine.segment(picture.rgba, picture.width, picture.height, options, mirror?.of(picture))
    : engine.ask(options))) as Segmentation;
  const milliseconds = performance.now() - begin;
  return {
    ...segmentation,
    map,
    refined: refine,
    heats: new Map(heats.map((label) => [label, engine.heat(label, map, refine) as Heat])),
    similarity: (engine.similarity() as Similarity | undefined) ?? null,
    device,
    milliseconds,
    encoded: picture !== null,
  };
}

/** What changes hands instead of being copied. */
function buffersOf({ labels, confidence, heats, similarity }: Result): Transferable[] {
  const arrays = [labels, confidence, ...Array.from(heats.values(), ({ values }) => values)];
  return [...arrays, ...(similarity ? [similarity.values] : [])].map(({ buffer }) => buffer);
}

function fail(stage: Stage, error: unknown): void {
  const explained = error instanceof Sentence || stage === 'run' || stage === 'picture';
  const message = explained ? textOf(error) : `The engine could not be started: ${textOf(error)}`;
  post({ type: 'failed', stage, message });
}

function post(message: FromWorker, transfer: Transferable[] = []): void {
  self.postMessage(message, { transfer });
}
