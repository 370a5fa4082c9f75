import type { Failure, FromClient, FromWorker, Job, ToWorker } from './messages.ts';
import { textOf } from './sentence.ts';
import type { Device, DevicePreference } from './types.ts';

/** Silence, in seconds, after which the worker counts as stuck. Software graphics adapters need minutes for a run. */
const PATIENCE = { start: 90, load: 240, picture: 90, run: 600 } as const;

/**
 * The segmenter's side of the worker. Guards every wait by a time-out, and replaces a worker whose GPU failed by one
 * that computes on the CPU, without losing the job.
 */
export class EngineClient {
  readonly #listener: (message: FromClient) => void;
  readonly #manifestUrl: string;
  #preference: DevicePreference;
  #worker: Worker | null = null;
  #device: Device | null = null;
  #ready = false;
  /** Why the GPU was given up, once it was. */
  #note = '';
  #timer: ReturnType<typeof setTimeout> | undefined;
  #job: Job | null = null;

  /** `manifestUrl` is absolute; `listener` hears everything that the segmenter should know. */
  constructor(preference: DevicePreference, manifestUrl: string, listener: (message: FromClient) => void) {
    this.#preference = preference;
    this.#manifestUrl = manifestUrl;
    this.#listener = listener;
  }

  /** Starts from nothing: a new worker, the download, the device, and the unanswered job. */
  start(): void {
    this.close();
    // The name that the package's build gives the file; Vite finds the source by it as well.
    const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
    worker.addEventListener('message', ({ data }: MessageEvent<FromWorker>) => {
      if (worker === this.#worker) this.#hear(data);
    });
    worker.addEventListener('error', (event) => {
      event.preventDefault();
      const message = `The page’s worker could not be started${event.message ? `: ${event.message}` : ''}. Reload the page.`;
      if (worker === this.#worker) this.#hear({ type: 'failed', stage: 'engine', message });
    });
    this.#worker = worker;
    this.#wait('start');
    this.#send({ type: 'start', preference: this.#preference, manifestUrl: this.#manifestUrl });
    if (this.#job) this.#hand(this.#job);
  }

  /** Ends the worker, and with it whatever it is doing. */
  close(): void {
    this.#wait(null);
    this.#worker?.terminate();
    this.#worker = null;
    this.#device = null;
    this.#ready = false;
  }

  /** Hands a job over; the one before must be answered. */
  run(job: Job): void {
    this.#job = job;
    this.#wait(this.#ready ? 'picture' : 'start');
    this.#hand(job);
  }

  #hand(job: Job): void {
    try {
      this.#send(job);
    } catch (error) {
      // A bitmap that was closed meanwhile.
      const message = `“${job.name}” can no longer be read: ${textOf(error)}`;
      this.#hear({ type: 'failed', stage: 'picture', message });
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

  #fail(failure: Failure): void {
    const { stage, message } = failure;
    if (this.#device === 'webgpu' && (stage === 'engine' || stage === 'run')) {
      this.#fallBack(message);
      return;
    }
    this.#job = null;
    if (stage === 'engine' || stage === 'model') this.close();
    else this.#wait(this.#ready ? null : 'start');
    this.#listener(failure);
  }

  #wait(what: keyof typeof PATIENCE | null): void {
    clearTimeout(this.#timer);
    if (what === null) return;
    this.#timer = setTimeout(() => {
      const message = `The engine gave no answer for ${PATIENCE[what]} seconds. Try again, or with a smaller picture.`;
      this.#hear({ type: 'failed', stage: 'engine', message });
    }, PATIENCE[what] * 1000);
  }

  #fallBack(reason: string): void {
    this.#preference = 'cpu';
    this.#note = `WebGPU failed (${reason})`;
    this.#listener({ type: 'fallback', reason });
    this.start();
  }
}
