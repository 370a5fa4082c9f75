/**
 * The worker: owns the wasm engine and the GPU, so that the page stays responsive whatever they do.
 * It does one job after the other; the page decides on their order.
 */
import { ByteCount, chunks, request } from './bytes.ts';
import { chooseDevice } from './device.ts';
import init, { Engine } from './engine/dalnet_web.js';
import engineUrl from './engine/dalnet_web_bg.wasm?url';
import { refines } from './manifest.ts';
import type {
  Findings,
  FromWorker,
  Heat,
  Job,
  Options,
  Segmentation,
  Similarity,
  Stage,
  ToWorker,
} from './messages.ts';
import { fetchModel } from './model.ts';
import { openPicture } from './picture.ts';
import { Sentence, textOf } from './sentence.ts';

/** The engine, and how its model answers unless the page wants it otherwise. */
interface Ready {
  readonly engine: Engine;
  readonly refines: boolean;
}

let engine: Promise<Ready | null> = Promise.resolve(null);
let jobs: Promise<void> = Promise.resolve();
/** The photo that the engine remembers. */
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
  fail('engine', null, new Sentence(`The engine stopped: ${reason}`));
}

/** Chooses the device, brings engine and model side by side, and joins them. Gives `null` when that failed. */
async function start({ preference, manifestUrl }: Extract<ToWorker, { type: 'start' }>): Promise<Ready | null> {
  let stage: Stage = 'engine';
  try {
    const choice = await chooseDevice(preference, navigator.gpu);
    post({ type: 'device', ...choice });
    stage = 'model';
    const count = new ByteCount(2, (loaded, total) => post({ type: 'download', loaded, total }));
    const [model] = await Promise.all([
      fetchModel(manifestUrl, (loaded, total) => count.set(0, loaded, total)),
      loadModule((loaded) => count.set(1, loaded, ENGINE_BYTES)),
    ]);
    stage = 'engine';
    post({ type: 'loading' });
    const ready = await Engine.load(model.manifestText, model.weights, choice.device);
    const ownRefines = refines(model.manifest);
    post({ type: 'ready', classes: model.manifest.classes, refines: ownRefines });
    return { engine: ready, refines: ownRefines };
  } catch (error) {
    fail(stage, null, error);
    return null;
  }
}

/** Downloads the wasm module and compiles it while it arrives. */
async function loadModule(onBytes: (loaded: number) => void): Promise<void> {
  onBytes(0);
  const response = await request(engineUrl, 'The engine');
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
    await init({ module_or_path: new Response(body, { headers: { 'content-type': 'application/wasm' } }) });
  } catch (error) {
    // The compiler reports a broken download in words of its own.
    throw broken ?? error;
  }
}

/** Decodes the photo, unless the engine remembers it, and answers when the engine is ready. */
async function segment({ photo, source, name, classes, refine, heats }: Job): Promise<void> {
  let stage: Stage = 'picture';
  try {
    const picture = photo === remembered ? null : await openPicture(source, name);
    if (picture) {
      const { bitmap, sourceWidth, sourceHeight } = picture;
      post({ type: 'picture', photo, bitmap, sourceWidth, sourceHeight }, [bitmap]);
    }
    const ready = await engine;
    if (!ready) return;
    stage = 'run';
    post({ type: 'running', photo });
    const options: Options = { ...(classes && { classes }), refine: refine ?? ready.refines };
    const begin = performance.now();
    const answer = picture
      ? ready.engine.segment(picture.rgba, picture.width, picture.height, options)
      : ready.engine.ask(options);
    const segmentation = (await answer) as Segmentation;
    const milliseconds = performance.now() - begin;
    remembered = photo;
    const findings: Findings = {
      segmentation,
      refined: refine ?? ready.refines,
      heats: new Map(heats.map((label) => [label, ready.engine.heat(label, undefined) as Heat])),
      similarity: (ready.engine.similarity() as Similarity | undefined) ?? null,
    };
    post({ type: 'segmentation', photo, milliseconds, encoded: picture !== null, findings }, buffersOf(findings));
  } catch (error) {
    fail(stage, photo, error);
  }
}

/** What changes hands instead of being copied. */
function buffersOf({ segmentation, heats, similarity }: Findings): Transferable[] {
  const arrays = [segmentation.labels, segmentation.confidence, ...Array.from(heats.values(), ({ values }) => values)];
  return [...arrays, ...(similarity ? [similarity.values] : [])].map(({ buffer }) => buffer);
}

function fail(stage: Stage, photo: number | null, error: unknown): void {
  const explained = error instanceof Sentence || stage === 'run' || stage === 'picture';
  const message = explained ? textOf(error) : `The engine could not be started: ${textOf(error)}`;
  post({ type: 'failed', stage, photo, message });
}

function post(message: FromWorker, transfer: Transferable[] = []): void {
  self.postMessage(message, { transfer });
}
