/// <reference lib="esnext.disposable" preserve="true" />
import { EngineClient } from './client.ts';
import { SegmenterError } from './error.ts';
import type { Failure, FromClient, Job, ModelFacts } from './messages.ts';
import type { DecodedPicture, Device, LoadOptions, MapName, PictureSource, Result, SegmentOptions } from './types.ts';

/** A picture that was handed over and not answered yet. */
interface Pending {
  readonly job: Job;
  readonly onPicture: SegmentOptions['onPicture'];
  readonly signal: SegmentOptions['signal'];
  readonly answer: PromiseWithResolvers<Result>;
}

/**
 * A model in the browser that segments pictures, one after the other, in a worker of its own. It remembers the last
 * picture: another question about the same `Blob` or `ImageBitmap` is answered without running the network again.
 *
 * ```js
 * const segmenter = await Segmenter.load('model/manifest.json');
 * const { width, height, labels, classes } = await segmenter.segment(file);
 * segmenter.close();
 * ```
 */
export class Segmenter {
  /** Fulfilled when engine and model are there; rejected with why they are not. */
  readonly ready: Promise<void>;
  readonly #ready = Promise.withResolvers<void>();
  readonly #client: EngineClient;
  readonly #onProgress: LoadOptions['onProgress'];
  readonly #numbers = new WeakMap<PictureSource, number>();
  #lastNumber = 0;
  #model: ModelFacts | null = null;
  #device: Device | null = null;
  #pending: Pending[] = [];
  /** Why nothing is segmented any more. */
  #end: { readonly reason: unknown } | null = null;

  /**
   * Loads the model whose `manifest.json` lies at `url`, which may be relative to the page. The browser keeps the
   * verified files for the next visit.
   * @throws SegmenterError when engine or model could not be loaded.
   * @throws DOMException when the worker's script lies on another host than the page, or `signal` was aborted.
   */
  static async load(url: string | URL, options: LoadOptions = {}): Promise<Segmenter> {
    const segmenter = new Segmenter(url, options);
    await segmenter.ready;
    return segmenter;
  }

  /** Like `load`, but does not wait: pictures may be handed over at once, and are decoded while the model arrives. */
  constructor(url: string | URL, options: LoadOptions = {}) {
    const { device = 'auto', onProgress, signal } = options;
    this.ready = this.#ready.promise;
    // Whoever waits for a picture alone hears of the failure there.
    this.ready.catch(() => undefined);
    this.#onProgress = onProgress;
    const base = globalThis.document?.baseURI ?? globalThis.location.href;
    this.#client = new EngineClient(device, new URL(url, base).href, (message) => this.#hear(message));
    if (signal?.aborted) {
      this.#finish(signal.reason);
      return;
    }
    signal?.addEventListener('abort', () => this.#finish(signal.reason), { once: true });
    this.#client.start();
  }

  /** Names of the model's classes; the first has label 1. Empty until the model is there. */
  get classes(): readonly string[] {
    return this.#model?.classes ?? [];
  }

  /** The maps that can label the pixels. Empty until the model is there. */
  get maps(): readonly MapName[] {
    return this.#model?.maps ?? [];
  }

  /** The one of `maps` that labels the pixels unless another one is asked for; `null` until the model is there. */
  get map(): MapName | null {
    return this.#model?.map ?? null;
  }

  /** Whether that map follows the picture's edges unless something else is asked for. */
  get refines(): boolean {
    return this.#model?.refines ?? false;
  }

  /** Where the engine computes; `null` until that is chosen. */
  get device(): Device | null {
    return this.#device;
  }

  /**
   * Segments a picture, after those that were handed over before. The caller keeps `source`; a bitmap must not be
   * closed before the answer is there.
   * @throws SegmenterError when the picture cannot be read, or the engine failed on it or before it.
   * @throws DOMException when the segmenter was closed, or `signal` was aborted.
   */
  segment(source: PictureSource, options: SegmentOptions = {}): Promise<Result> {
    const { name, onPicture, signal, ...question } = options;
    if (this.#end) return Promise.reject(this.#end.reason);
    if (signal?.aborted) return Promise.reject(signal.reason);
    const answer = Promise.withResolvers<Result>();
    const job: Job = {
      type: 'segment',
      picture: this.#numberOf(source),
      source,
      name: name ?? (source instanceof File ? source.name : 'picture'),
      question,
      wantsPicture: onPicture !== undefined,
    };
    const pending: Pending = { job, onPicture, signal, answer };
    this.#pending.push(pending);
    if (signal) {
      const abandon = () => this.#abandon(pending, signal.reason);
      const forget = () => signal.removeEventListener('abort', abandon);
      signal.addEventListener('abort', abandon);
      answer.promise.then(forget, forget);
    }
    if (this.#pending.length === 1) this.#client.run(job);
    return answer.promise;
  }

  /** Ends all work and frees the model; what was not answered is rejected. */
  close(): void {
    this.#finish(new DOMException('The segmenter was closed.', 'AbortError'));
  }

  /** Same as `close`, for `using`. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** The number by which the engine remembers a picture. The values of an `ImageData` may change behind its back. */
  #numberOf(source: PictureSource): number {
    const known = source instanceof ImageData ? undefined : this.#numbers.get(source);
    if (known !== undefined) return known;
    this.#lastNumber += 1;
    this.#numbers.set(source, this.#lastNumber);
    return this.#lastNumber;
  }

  /** Takes a picture back; one that the engine is at keeps its place until it is done. */
  #abandon(pending: Pending, reason: unknown): void {
    pending.answer.reject(reason);
    this.#pending = this.#pending.filter((other, index) => index === 0 || other !== pending);
  }

  #hear(message: FromClient): void {
    switch (message.type) {
      case 'picture':
        if (message.picture) this.#give(message.picture);
        return;
      case 'running':
        return;
      case 'segmentation':
        this.#next()?.answer.resolve(message.result);
        return;
      case 'failed':
        this.#fail(message);
        return;
      case 'device':
        this.#device = message.device;
        break;
      case 'ready':
        this.#model = message;
        this.#ready.resolve();
        this.#onProgress?.({ type: 'ready' });
        return;
    }
    this.#onProgress?.(message);
  }

  #give(picture: DecodedPicture): void {
    const { onPicture, signal } = this.#pending[0] ?? {};
    if (onPicture && !signal?.aborted) onPicture(picture);
    else picture.bitmap.close();
  }

  #fail({ stage, message }: Failure): void {
    const error = new SegmenterError(stage, message);
    if (stage === 'picture' || stage === 'run') {
      this.#next()?.answer.reject(error);
      return;
    }
    this.#finish(error);
    this.#onProgress?.({ type: 'failed', message });
  }

  /** Gives the picture at hand, and hands the next one over. */
  #next(): Pending | undefined {
    const done = this.#pending.shift();
    if (this.#pending[0]) this.#client.run(this.#pending[0].job);
    return done;
  }

  #finish(reason: unknown): void {
    if (this.#end) return;
    this.#end = { reason };
    this.#client.close();
    this.#ready.reject(reason);
    for (const { answer } of this.#pending) answer.reject(reason);
    this.#pending = [];
  }
}
