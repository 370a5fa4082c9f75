import { EngineClient } from './client.ts';
import { type FrameSource, Live } from './live.ts';
import type { Device, DevicePreference, Job, ToPage, Wish } from './messages.ts';
import { answered, fulfils, type Photo, question, toggle } from './photo.ts';
import { Queue } from './queue.ts';
import { textOf } from './sentence.ts';

/** How far the engine is. */
export type Phase =
  | { readonly kind: 'starting' }
  | { readonly kind: 'downloading'; readonly loaded: number; readonly total: number }
  | { readonly kind: 'loading' }
  | { readonly kind: 'ready' }
  /** The visitor stopped it. */
  | { readonly kind: 'stopped' }
  | { readonly kind: 'broken'; readonly problem: string };

/** What a session tells the page. */
export interface SessionListener {
  /** The engine came further, or failed. */
  phase(phase: Phase): void;
  /** The device is known; `note` says why it is not the one hoped for. */
  device(device: Device, label: string, note: string): void;
  /** Something about the queue changed: a photo came or went, another one is shown. */
  queue(): void;
  /** One photo came further. */
  photo(photo: Photo): void;
  /** A sentence that concerns no photo. */
  notice(sentence: string): void;
}

/** Leads the photos of the queue through the engine, one after the other; a photo that fails stops no other. */
export class Session {
  /** The visitor's photos. */
  readonly queue = new Queue();
  /** Names of the model's classes; the first has label 1. Empty until the engine is ready. */
  classes: readonly string[] = [];
  /** Where the engine computes, as a part of a sentence. */
  device = '';
  readonly #client: EngineClient;
  readonly #listener: SessionListener;
  #phase: Phase = { kind: 'starting' };
  #live: Live | null = null;
  #wish: Wish = { refine: null, heats: false };

  /** `manifestUrl` is absolute. */
  constructor(preference: DevicePreference, manifestUrl: string, listener: SessionListener) {
    this.#listener = listener;
    this.#client = new EngineClient(preference, manifestUrl, (message) => this.#hear(message));
  }

  /** How far the engine is. */
  get phase(): Phase {
    return this.#phase;
  }

  /** Whether regions follow the picture's edges; `null` until the model is known. */
  get refines(): boolean | null {
    return this.#wish.refine;
  }

  /** What is on the stage: the photo of the queue, or the camera's frame. */
  get shown(): Photo | null {
    return this.#live?.photo ?? this.queue.shown;
  }

  /** Whether frames are segmented instead of photos. */
  get isLive(): boolean {
    return this.#live !== null;
  }

  /** Starts the engine, or starts it again after a failure. */
  start(): void {
    this.#enter({ kind: 'starting' });
    this.#client.start();
    this.#pump();
  }

  /** Appends photos, shows the first of them, and gives how many found no room. */
  add(files: readonly { readonly file: Blob; readonly name: string }[]): number {
    const added = files.map(({ file, name }) => this.queue.add(file, name)).filter((photo) => photo !== null);
    if (added[0]) this.queue.show(added[0]);
    this.#listener.queue();
    this.#goOn();
    return files.length - added.length;
  }

  /** Puts a photo on the stage. */
  show(photo: Photo): void {
    this.queue.show(photo);
    this.#listener.queue();
    this.#pump();
  }

  /** Wants photos answered otherwise; the engine answers the photo that it remembers without the encoder. */
  wish(changed: Partial<Wish>): void {
    this.#wish = { ...this.#wish, ...changed };
    const { shown } = this.queue;
    if (shown && !fulfils(shown, this.#wish)) this.#goOn();
  }

  /** Switches a class of a photo on or off and asks the engine again. */
  toggle(photo: Photo, label: number): void {
    toggle(photo, label);
    this.#listener.photo(photo);
    this.#goOn();
  }

  /** Segments frames instead of photos, each as soon as the one before is answered. */
  watch(source: FrameSource): void {
    this.#live?.end();
    this.#live = new Live(source);
    this.#listener.queue();
    this.#goOn();
  }

  /** Goes back to the photos. */
  unwatch(): void {
    if (!this.#live) return;
    this.#live.end();
    this.#live = null;
    this.#listener.queue();
    this.#pump();
  }

  /** Ends download and work at once; what was not finished waits. */
  stop(): void {
    const photo = this.queue.find(this.#client.stop()?.photo ?? null);
    this.#enter({ kind: 'stopped' });
    if (photo?.state === 'running') this.#set(photo, 'waiting');
    else if (photo) photo.stale = true;
  }

  /** Computes on another device, and the shown photo again, so that the two can be compared. */
  compute(device: Device): void {
    this.#enter({ kind: 'starting' });
    this.#client.choose(device);
    const { shown } = this.queue;
    if (shown?.state === 'done') shown.stale = true;
    this.#pump();
  }

  /** Takes a photo out of the queue. */
  remove(photo: Photo): void {
    this.queue.remove(photo);
    this.#listener.queue();
    this.#pump();
  }

  /** Takes all photos out of the queue. */
  clear(): void {
    this.queue.clear();
    this.#listener.queue();
  }

  /** Tries again: the shown photo if it failed, and the engine if it did. */
  retry(): void {
    const { shown } = this.queue;
    if (shown?.state === 'failed' && shown.mayRetry) this.#set(shown, 'waiting');
    if (this.#phase.kind === 'broken') this.start();
    else this.#goOn();
  }

  #hear(message: ToPage): void {
    switch (message.type) {
      case 'device':
        this.device = message.device === 'webgpu' ? 'with WebGPU' : 'on the CPU';
        this.#listener.device(message.device, message.label, message.note);
        break;
      case 'download':
        this.#enter({ kind: 'downloading', loaded: message.loaded, total: message.total });
        break;
      case 'loading':
        this.#enter({ kind: 'loading' });
        break;
      case 'ready':
        this.classes = message.classes;
        this.#wish = { ...this.#wish, refine: this.#wish.refine ?? message.refines };
        this.#enter({ kind: 'ready' });
        break;
      case 'fallback':
        this.#listener.notice(`WebGPU failed, so the page goes on with the CPU. (${message.reason})`);
        break;
      case 'failed':
        this.#fail(message);
        break;
      default:
        this.#hearOfPhoto(message);
    }
  }

  #hearOfPhoto(message: Extract<ToPage, { type: 'picture' | 'running' | 'segmentation' }>): void {
    if (this.#live?.owns(message.photo)) {
      if (message.type !== 'running') this.#live.hear(message, this.device);
      if (message.type === 'segmentation') {
        this.#listener.photo(this.#live.photo);
        this.#pump();
      }
      return;
    }
    const photo = this.queue.find(message.photo);
    if (message.type === 'picture') {
      const { bitmap, sourceWidth, sourceHeight } = message;
      // The photo was removed meanwhile, or it is decoded once more to ask about it again.
      if (!photo || photo.shown) bitmap.close();
      else photo.shown = { bitmap, sourceWidth, sourceHeight };
    } else if (message.type === 'segmentation' && photo) {
      const { findings, milliseconds, encoded } = message;
      if (encoded) photo.times = new Map([...photo.times, [this.device, milliseconds]]);
      answered(photo, { ...findings, milliseconds, device: this.device });
    }
    if (photo) this.#listener.photo(photo);
    if (message.type === 'segmentation') this.#pump();
  }

  #fail({ stage, photo: id, message }: Extract<ToPage, { type: 'failed' }>): void {
    if (this.#live?.owns(id)) {
      this.unwatch();
      this.#listener.notice(message);
      return;
    }
    const photo = this.queue.find(id);
    if (photo) {
      photo.problem = message;
      photo.mayRetry = stage !== 'picture';
      this.#set(photo, 'failed');
    }
    if (id === null) {
      for (const running of this.queue.photos.filter(({ state }) => state === 'running')) this.#set(running, 'waiting');
      this.#enter({ kind: 'broken', problem: message });
      return;
    }
    this.#pump();
  }

  /** The visitor wants something done: that ends a stop. */
  #goOn(): void {
    if (this.#phase.kind === 'stopped') this.start();
    else this.#pump();
  }

  /** Hands the next photo or frame over if the engine is free. */
  #pump(): void {
    if (this.#phase.kind === 'stopped' || this.#client.busy) return;
    if (this.#live) void this.#pumpLive(this.#live);
    else this.#pumpQueue();
  }

  async #pumpLive(live: Live): Promise<void> {
    try {
      const job = await live.next(this.#wish);
      if (!job) return;
      // The visitor may have stopped, or gone back to the photos, while the frame was grabbed.
      if (live !== this.#live) live.end();
      else if (this.#phase.kind !== 'stopped') this.#run(job);
    } catch (error) {
      if (live !== this.#live) return;
      this.unwatch();
      this.#listener.notice(`The camera gave no picture: ${textOf(error)}. Start it again.`);
    }
  }

  #pumpQueue(): void {
    const { shown } = this.queue;
    if (shown && !fulfils(shown, this.#wish)) shown.stale = true;
    const photo = this.queue.next();
    if (!photo) return;
    if (photo.state === 'waiting') this.#set(photo, 'running');
    photo.stale = false;
    this.#run({ type: 'segment', photo: photo.id, source: photo.file, ...question(photo, this.#wish) });
  }

  #run(job: Job): void {
    if (this.#phase.kind === 'broken') this.#enter({ kind: 'starting' });
    this.#client.run(job);
  }

  #set(photo: Photo, state: Photo['state']): void {
    photo.state = state;
    if (state !== 'failed') photo.problem = '';
    this.#listener.photo(photo);
  }

  #enter(phase: Phase): void {
    this.#phase = phase;
    this.#listener.phase(phase);
  }
}
