import type { ModelBytes } from './model.ts';
import type { Picture } from './picture.ts';

/** To the mirror images' worker. */
export type ToMirror =
  | ({ readonly type: 'start'; readonly module: WebAssembly.Module } & Pick<ModelBytes, 'manifestText' | 'weights'>)
  | ({ readonly type: 'picture' } & Pick<Picture, 'rgba' | 'width' | 'height'>);

/** From there: that it may begin, the answers in the order of the pictures, or the end of all. */
export type FromMirror =
  | { readonly type: 'ready' }
  | { readonly type: 'numbers'; readonly numbers: Float32Array }
  | { readonly type: 'failed' };

/** Memory in GB that a device should have for a second engine, which holds about 0.1. */
const ENOUGH_MEMORY = 4;

/** Half of the network's work on a second core; whenever that fails, the engine does it alone. */
export class Mirror {
  #worker: Worker | null;
  #ready = false;
  #pending: PromiseWithResolvers<Float32Array>[] = [];

  private constructor(worker: Worker) {
    this.#worker = worker;
    worker.addEventListener('message', ({ data }: MessageEvent<FromMirror>) => {
      if (data.type === 'ready') this.#ready = true;
      else if (data.type === 'numbers') this.#pending.shift()?.resolve(data.numbers);
      else this.#end();
    });
    worker.addEventListener('error', (event) => {
      event.preventDefault();
      this.#end();
    });
  }

  /** Starts the worker; `null` without a second core or enough memory. */
  static start(module: WebAssembly.Module, { manifestText, weights }: ModelBytes): Mirror | null {
    const { hardwareConcurrency, deviceMemory = ENOUGH_MEMORY } = navigator as { deviceMemory?: number } & Navigator;
    if (hardwareConcurrency < 2 || deviceMemory < ENOUGH_MEMORY) return null;
    // The name that the package's build gives the file; Vite finds the source by it as well.
    const worker = new Worker(new URL('./mirror-worker.js', import.meta.url), { type: 'module' });
    const start: ToMirror = { type: 'start', module, manifestText, weights };
    worker.postMessage(start);
    return new Mirror(worker);
  }

  /** What the network says of the picture's mirror image; `undefined` while the worker loads, which takes as long. */
  of({ rgba, width, height }: Picture): Promise<Float32Array> | undefined {
    if (!this.#worker || !this.#ready) return undefined;
    const answer = Promise.withResolvers<Float32Array>();
    // Nobody hears of it when the engine fails before it asks for this.
    answer.promise.catch(() => undefined);
    this.#pending.push(answer);
    const picture: ToMirror = { type: 'picture', rgba, width, height };
    this.#worker.postMessage(picture);
    return answer.promise;
  }

  #end(): void {
    this.#worker?.terminate();
    this.#worker = null;
    for (const { reject } of this.#pending) reject(new Error('the second worker failed'));
    this.#pending = [];
  }
}
