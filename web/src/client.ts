import type { Device, DevicePreference, FromWorker, ToPage, ToWorker } from './messages.ts';

/** Silence, in seconds, after which the worker counts as stuck. Software graphics adapters need minutes for a run. */
const PATIENCE = { start: 90, load: 240, picture: 90, run: 600 } as const;

/**
 * The page's side of the worker. Guards every wait by a time-out, and replaces a worker whose GPU failed by one that
 * computes on the CPU, without losing the photo.
 */
export class EngineClient {
  readonly #listener: (message: ToPage) => void;
  readonly #manifestUrl: string;
  #preference: DevicePreference;
  #worker: Worker | null = null;
  #device: Device | null = null;
  #failed = false;
  /** Why the GPU was given up, once it was. */
  #note = '';
  #timer: ReturnType<typeof setTimeout> | undefined;
  #photos = 0;
  /** The photo on the page, and the newer one that is being decoded. */
  #photo: Extract<ToWorker, { type: 'open' }> | null = null;
  #opening: Extract<ToWorker, { type: 'open' }> | null = null;

  /** `manifestUrl` is absolute; `listener` hears everything that the page should know. */
  constructor(preference: DevicePreference, manifestUrl: string, listener: (message: ToPage) => void) {
    this.#preference = preference;
    this.#manifestUrl = manifestUrl;
    this.#listener = listener;
  }

  /** Starts, or starts again, from nothing: a new worker, the download, the device, and the photo that was open. */
  start(): void {
    this.#worker?.terminate();
    this.#failed = false;
    this.#device = null;
    const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
    worker.addEventListener('message', ({ data }: MessageEvent<FromWorker>) => {
      if (worker === this.#worker) this.#hear(data);
    });
    worker.addEventListener('error', (event) => {
      event.preventDefault();
      const message = `The page’s worker could not be started${event.message ? `: ${event.message}` : ''}. Reload the page.`;
      if (worker === this.#worker) this.#hear({ type: 'failed', stage: 'engine', photo: null, message });
    });
    this.#worker = worker;
    this.#wait('start');
    this.#send({ type: 'start', preference: this.#preference, manifestUrl: this.#manifestUrl });
    const photo = this.#opening ?? this.#photo;
    if (photo) this.#send(photo);
  }

  /** Hands a photo over and gives its number. After a failure it starts the engine again first. */
  open(file: Blob, name: string): number {
    this.#photos += 1;
    this.#opening = { type: 'open', photo: this.#photos, file, name };
    if (this.#failed) this.start();
    else {
      this.#send(this.#opening);
      this.#wait('picture');
    }
    return this.#photos;
  }

  /** Asks again about the photo that was opened last, with `classes` (labels 1..) to choose from. */
  ask(photo: number, classes: readonly number[]): void {
    if (this.#failed) this.start();
    else {
      this.#send({ type: 'ask', photo, classes });
      this.#wait('run');
    }
  }

  #send(message: ToWorker): void {
    this.#worker?.postMessage(message);
  }

  #hear(message: FromWorker): void {
    switch (message.type) {
      case 'device':
        this.#device = message.device;
        this.#wait('start');
        break;
      case 'download':
        this.#wait('start');
        break;
      case 'loading':
        this.#wait('load');
        break;
      case 'picture':
        if (this.#opening?.photo === message.photo) {
          this.#photo = this.#opening;
          this.#opening = null;
        }
        this.#wait('run');
        break;
      case 'running':
        this.#wait('run');
        break;
      case 'ready':
        this.#wait(this.#opening ? 'picture' : this.#photo ? 'run' : null);
        break;
      case 'segmentation':
        this.#wait(null);
        break;
      case 'failed':
        this.#wait(null);
        if (message.stage === 'picture') {
          if (this.#opening?.photo === message.photo) this.#opening = null;
        } else if (this.#device === 'webgpu' && message.stage !== 'model') {
          this.#fallBack(message.message);
          return;
        } else if (message.stage !== 'run') {
          this.#failed = true;
        }
        break;
    }
    this.#listener(message.type === 'device' ? { ...message, note: this.#note || message.note } : message);
  }

  #wait(what: keyof typeof PATIENCE | null): void {
    clearTimeout(this.#timer);
    if (what === null) return;
    this.#timer = setTimeout(() => {
      const message = `The engine gave no answer for ${PATIENCE[what]} seconds. Try again, or with a smaller picture.`;
      this.#hear({ type: 'failed', stage: 'engine', photo: null, message });
    }, PATIENCE[what] * 1000);
  }

  #fallBack(reason: string): void {
    this.#preference = 'cpu';
    this.#note = `WebGPU failed (${reason})`;
    this.start();
    this.#listener({ type: 'fallback', reason });
  }
}
