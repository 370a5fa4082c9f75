import type { Device, DevicePreference, FromWorker, Job, ToPage, ToWorker } from './messages.ts';

/** Silence, in seconds, after which the worker counts as stuck. Software graphics adapters need minutes for a run. */
const PATIENCE = { start: 90, load: 240, picture: 90, run: 600 } as const;

/**
 * The page's side of the worker. Guards every wait by a time-out, and replaces a worker whose GPU failed by one that
 * computes on the CPU, without losing the job.
 */
export class EngineClient {
  readonly #listener: (message: ToPage) => void;
  readonly #manifestUrl: string;
  #preference: DevicePreference;
  #worker: Worker | null = null;
  #device: Device | null = null;
  #ready = false;
  /** Why the GPU was given up, once it was. */
  #note = '';
  #timer: ReturnType<typeof setTimeout> | undefined;
  #job: Job | null = null;

  /** `manifestUrl` is absolute; `listener` hears everything that the page should know. */
  constructor(preference: DevicePreference, manifestUrl: string, listener: (message: ToPage) => void) {
    this.#preference = preference;
    this.#manifestUrl = manifestUrl;
    this.#listener = listener;
  }

  /** Whether a job was handed over and not answered yet. */
  get busy(): boolean {
    return this.#job !== null;
  }

  /** Starts, or starts again, from nothing: a new worker, the download, the device, and the unanswered job. */
  start(): void {
    this.#end();
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
    if (this.#job) this.#send(this.#job);
  }

  /** Ends all work and gives the job that was not answered. */
  stop(): Job | null {
    const job = this.#job;
    this.#job = null;
    this.#end();
    return job;
  }

  /** Starts again on another device, with the unanswered job. */
  choose(preference: DevicePreference): void {
    this.#preference = preference;
    this.#note = '';
    this.start();
  }

  /** Hands a job over; the one before must be answered. After a failure the engine starts again first. */
  run(job: Job): void {
    this.#job = job;
    if (!this.#worker) this.start();
    else {
      this.#send(job);
      this.#wait(this.#ready ? 'picture' : 'start');
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
      case 'ready':
        this.#ready = true;
        this.#wait(this.#job ? 'picture' : null);
        break;
      case 'picture':
        this.#wait(this.#ready ? 'run' : 'load');
        break;
      case 'running':
        this.#wait('run');
        break;
      case 'segmentation':
        this.#job = null;
        this.#wait(null);
        break;
      case 'failed':
        this.#fail(message);
        return;
    }
    this.#listener(message.type === 'device' ? { ...message, note: this.#note || message.note } : message);
  }

  #fail(message: Extract<FromWorker, { type: 'failed' }>): void {
    const { stage } = message;
    if (this.#device === 'webgpu' && (stage === 'engine' || stage === 'run')) {
      this.#fallBack(message.message);
      return;
    }
    // A ready engine that stops was stopped by the photo it worked on.
    const photo = message.photo ?? (this.#ready ? (this.#job?.photo ?? null) : null);
    this.#job = null;
    if (stage === 'engine' || stage === 'model') this.#end();
    else this.#wait(this.#ready ? null : 'start');
    this.#listener({ ...message, photo });
  }

  /** Ends the worker, and with it whatever it is doing. */
  #end(): void {
    this.#wait(null);
    this.#worker?.terminate();
    this.#worker = null;
    this.#device = null;
    this.#ready = false;
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
