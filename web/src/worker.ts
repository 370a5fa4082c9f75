/**
 * The worker: owns the wasm engine and the GPU, so that the page stays responsive whatever they do.
 * It answers `open` and `ask` one after the other and skips those that a newer one has made stale.
 */
import { ByteCount, chunks, request } from './bytes.ts';
import { chooseDevice } from './device.ts';
import init, { Engine } from './engine/dalnet_web.js';
import engineUrl from './engine/dalnet_web_bg.wasm?url';
import type { FromWorker, Options, Segmentation, Stage, ToWorker } from './messages.ts';
import { fetchModel } from './model.ts';
import { openPicture } from './picture.ts';
import { Sentence, textOf } from './sentence.ts';

let engine: Promise<Engine | null> = Promise.resolve(null);
let queue: Promise<void> = Promise.resolve();
/** The photo and the request that the page still waits for. */
let newest = { photo: 0, request: 0 };
let panic = '';

self.addEventListener('message', ({ data }: MessageEvent<ToWorker>) => {
  switch (data.type) {
    case 'start':
      engine = start(data);
      break;
    case 'open':
      void open(data);
      break;
    case 'ask': {
      const options: Options = { classes: data.classes };
      enqueue(data.photo, (ready) => ready.ask(options));
      break;
    }
  }
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
async function start({ preference, manifestUrl }: Extract<ToWorker, { type: 'start' }>): Promise<Engine | null> {
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
    post({ type: 'ready', classes: model.manifest.classes });
    return ready;
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

async function open({ photo, file, name }: Extract<ToWorker, { type: 'open' }>): Promise<void> {
  try {
    const picture = await openPicture(file, name);
    const { rgba, width, height, bitmap, sourceWidth, sourceHeight } = picture;
    if (photo < newest.photo) return;
    post({ type: 'picture', photo, bitmap, sourceWidth, sourceHeight }, [bitmap]);
    enqueue(photo, (ready) => ready.segment(rgba, width, height, {}));
  } catch (error) {
    fail('picture', photo, error);
  }
}

/** Runs `work` when the engine is ready and idle, unless something newer has come until then. */
function enqueue(photo: number, work: (ready: Engine) => Promise<unknown>): void {
  const request = newest.request + 1;
  newest = { photo, request };
  queue = queue.then(async () => {
    const ready = await engine;
    if (!ready || photo !== newest.photo || request !== newest.request) return;
    try {
      post({ type: 'running', photo });
      const begin = performance.now();
      const segmentation = (await work(ready)) as Segmentation;
      const milliseconds = performance.now() - begin;
      post({ type: 'segmentation', photo, milliseconds, segmentation }, [
        segmentation.labels.buffer,
        segmentation.confidence.buffer,
      ]);
    } catch (error) {
      fail('run', photo, error);
    }
  });
}

function fail(stage: Stage, photo: number | null, error: unknown): void {
  const explained = error instanceof Sentence || stage === 'run';
  const message = explained ? textOf(error) : `The engine could not be started: ${textOf(error)}`;
  post({ type: 'failed', stage, photo, message });
}

function post(message: FromWorker, transfer: Transferable[] = []): void {
  self.postMessage(message, { transfer });
}
