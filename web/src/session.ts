import { EngineClient } from './client.ts';
import type { DevicePreference, ToPage } from './messages.ts';
import { answered, type Photo, toggle } from './photo.ts';
import { Queue } from './queue.ts';

/** How far the engine is. */
export type Phase =
  | { readonly kind: 'starting' }
  | { readonly kind: 'downloading'; readonly loaded: number; readonly total: number }
  | { readonly kind: 'loading' }
  | { readonly kind: 'ready' }
  | { readonly kind: 'broken'; readonly problem: string };

/** What a session tells the page. */
export interface SessionListener {
  /** The engine came further, or failed. */
  phase(phase: Phase): void;
  /** The device is known; `note` says why it is not the one hoped for. */
  device(label: string, note: string): void;
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

  /** `manifestUrl` is absolute. */
  constructor(preference: DevicePreference, manifestUrl: string, listener: SessionListener) {
    this.#listener = listener;
    this.#client = new EngineClient(preference, manifestUrl, (message) => this.#hear(message));
  }

  /** How far the engine is. */
  get phase(): Phase {
    return this.#phase;
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
    this.#pump();
    return files.length - added.length;
  }

  /** Puts a photo on the stage. */
  show(photo: Photo): void {
    this.queue.show(photo);
    this.#listener.queue();
  }

  /** Switches a class of a photo on or off and asks the engine again. */
  toggle(photo: Photo, label: number): void {
    toggle(photo, label);
    this.#listener.photo(photo);
    this.#pump();
  }

  /** Takes a photo out of the queue. */
  remove(photo: Photo): void {
    this.queue.remove(photo);
    this.#listener.queue();
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
    else this.#pump();
  }

  #hear(message: ToPage): void {
    switch (message.type) {
      case 'device':
        this.device = message.device === 'webgpu' ? 'with WebGPU' : 'on the CPU';
        this.#listener.device(message.label, message.note);
        break;
      case 'download':
        this.#enter({ kind: 'downloading', loaded: message.loaded, total: message.total });
        break;
      case 'loading':
        this.#enter({ kind: 'loading' });
        break;
      case 'ready':
        this.classes = message.classes;
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
    const photo = this.queue.find(message.photo);
    if (message.type === 'picture') {
      const { bitmap, sourceWidth, sourceHeight } = message;
      // The photo was removed meanwhile, or it is decoded once more to ask about it again.
      if (!photo || photo.shown) bitmap.close();
      else photo.shown = { bitmap, sourceWidth, sourceHeight };
    } else if (message.type === 'segmentation' && photo) {
      const { segmentation, milliseconds } = message;
      answered(photo, { segmentation, milliseconds, device: this.device });
    }
    if (photo) this.#listener.photo(photo);
    if (message.type === 'segmentation') this.#pump();
  }

  #fail({ stage, photo: id, message }: Extract<ToPage, { type: 'failed' }>): void {
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

  /** Hands the next photo over if the engine is free. */
  #pump(): void {
    const photo = this.#client.busy ? null : this.queue.next();
    if (!photo) return;
    if (photo.state === 'waiting') this.#set(photo, 'running');
    photo.stale = false;
    const { id, file, name, chosen } = photo;
    if (this.#phase.kind === 'broken') this.#enter({ kind: 'starting' });
    this.#client.run({ type: 'segment', photo: id, file, name, classes: chosen });
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
