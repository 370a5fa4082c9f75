import {
  type DecodedPicture,
  type Device,
  type DevicePreference,
  type MapName,
  type Progress,
  type Result,
  Segmenter,
  SegmenterError,
} from '../package/src/index.ts';
import { textOf } from '../package/src/sentence.ts';
import { wordsFor } from './duration.ts';
import { type FrameSource, Live } from './live.ts';
import { answered, decoded, fulfils, type Photo, question, toggle, type Wish } from './photo.ts';
import { Queue } from './queue.ts';
import type { Phase, SessionListener } from './session-listener.ts';
import type { Task } from './task.ts';

/** Leads the photos of the queue through the engine, one after the other; a photo that fails stops no other. */
export class Session {
  /** The visitor's photos. */
  readonly queue = new Queue();
  /** Names of the model's classes; the first has label 1. Empty until the engine is ready. */
  classes: readonly string[] = [];
  /** The maps of the model that can label the pixels. Empty until the engine is ready. */
  maps: readonly MapName[] = [];
  /** Where the engine computes, as a part of a sentence. */
  device = '';
  readonly #manifestUrl: string;
  readonly #listener: SessionListener;
  #preference: DevicePreference;
  #segmenter: Segmenter | null = null;
  /** What the engine works on: a photo of the queue, or the camera's frame. */
  #running: Photo | null = null;
  #phase: Phase = { kind: 'starting' };
  #live: Live | null = null;
  #wish: Wish = { map: null, refine: null, heats: false };

  constructor(preference: DevicePreference, manifestUrl: string, listener: SessionListener) {
    this.#preference = preference;
    this.#manifestUrl = manifestUrl;
    this.#listener = listener;
  }

  /** How far the engine is. */
  get phase(): Phase {
    return this.#phase;
  }

  /** How photos are answered; where nothing else is wished for, as the model has it once that is known. */
  get wished(): Wish {
    return this.#wish;
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
    this.#open();
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
    this.#enter({ kind: 'stopped' });
    this.#close();
  }

  /** Computes on another device, and the shown photo again, so that the two can be compared. */
  compute(device: Device): void {
    this.#preference = device;
    this.#open();
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

  /** Begins anew with another segmenter. */
  #open(): Segmenter {
    this.#close();
    this.#enter({ kind: 'starting' });
    const segmenter = new Segmenter(this.#manifestUrl, {
      device: this.#preference,
      onProgress: (progress) => {
        if (segmenter === this.#segmenter) this.#hear(segmenter, progress);
      },
    });
    this.#segmenter = segmenter;
    return segmenter;
  }

  /** Ends the segmenter; what it was working on waits. */
  #close(): void {
    const photo = this.#running;
    this.#running = null;
    this.#segmenter?.close();
    this.#segmenter = null;
    if (!photo || !this.queue.has(photo)) return;
    if (photo.state === 'running') this.#set(photo, 'waiting');
    else photo.stale = true;
  }

  #hear(segmenter: Segmenter, progress: Progress): void {
    switch (progress.type) {
      case 'device':
        this.device = wordsFor(progress.device);
        this.#listener.device(progress.device, progress.label, progress.note);
        break;
      case 'download':
        this.#enter({ kind: 'downloading', loaded: progress.loaded, total: progress.total });
        break;
      case 'loading':
        this.#enter({ kind: 'loading' });
        break;
      case 'ready':
        this.classes = segmenter.classes;
        this.maps = segmenter.maps;
        this.#wish = {
          ...this.#wish,
          map: this.#wish.map ?? segmenter.map,
          refine: this.#wish.refine ?? segmenter.refines,
        };
        this.#enter({ kind: 'ready' });
        break;
      case 'fallback':
        this.#listener.notice(`WebGPU failed, so the page goes on with the CPU. (${progress.reason})`);
        break;
      case 'failed':
        this.#break(progress.message);
        break;
    }
  }

  /** The segmenter ended by itself. */
  #break(problem: string): void {
    const photo = this.#running;
    if (photo && this.#phase.kind === 'ready') {
      // A ready engine that stops was stopped by what it worked on.
      this.#running = null;
      this.#segmenter = null;
      this.#refuse(photo, problem, true);
      this.#pump();
    } else {
      this.#close();
      this.#enter({ kind: 'broken', problem });
    }
  }

  /** A photo or frame could not be segmented. */
  #refuse(photo: Photo, problem: string, mayRetry: boolean): void {
    if (photo === this.#live?.photo) {
      this.unwatch();
      this.#listener.notice(problem);
      return;
    }
    // Removed meanwhile, or of a camera that is off.
    if (!this.queue.has(photo)) return;
    photo.problem = problem;
    photo.mayRetry = mayRetry;
    this.#set(photo, 'failed');
  }

  /** The visitor wants something done: that ends a stop. */
  #goOn(): void {
    if (this.#phase.kind === 'stopped') this.start();
    else this.#pump();
  }

  /** Hands the next photo or frame over if the engine is free. */
  #pump(): void {
    if (this.#phase.kind === 'stopped' || this.#running) return;
    if (this.#live) void this.#pumpLive(this.#live);
    else this.#pumpQueue();
  }

  async #pumpLive(live: Live): Promise<void> {
    try {
      const task = await live.next();
      if (!task) return;
      // The visitor may have stopped, or gone back to the photos, while the frame was grabbed.
      if (live !== this.#live) live.end();
      else if (this.#phase.kind !== 'stopped') void this.#run(task);
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
    void this.#run({
      photo,
      source: photo.file,
      isWanted: () => this.queue.has(photo),
      decoded: (picture) => {
        decoded(photo, picture);
        this.#listener.photo(photo);
      },
      answered: (result) => answered(photo, result),
    });
  }

  async #run({ photo, source, isWanted, decoded, answered }: Task): Promise<void> {
    const segmenter = this.#segmenter ?? this.#open();
    this.#running = photo;
    const onPicture = (picture: DecodedPicture) => {
      if (isWanted()) decoded(picture);
      else picture.bitmap.close();
    };
    let result: Result | null = null;
    let problem: unknown;
    try {
      result = await segmenter.segment(source, { ...question(photo, this.#wish), name: photo.name, onPicture });
    } catch (error) {
      problem = error;
    }
    // Another one has taken over, or it ended by itself and has said so.
    if (segmenter !== this.#segmenter) return;
    this.#running = null;
    if (!result)
      this.#refuse(photo, textOf(problem), !(problem instanceof SegmenterError && problem.stage === 'picture'));
    else if (isWanted()) {
      answered(result);
      this.#listener.photo(photo);
    }
    this.#pump();
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
