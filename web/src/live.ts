import type { FromWorker, Job, Wish } from './messages.ts';
import { answered, newPhoto, type Photo, question, type Shown } from './photo.ts';

/** The photos of the queue count upwards from 1, so frames count downwards, and on from one camera to the next. */
let lastFrame = 0;

/** Gives the newest picture of something that moves. */
export interface FrameSource {
  grab(): Promise<ImageBitmap>;
}

/** Frames instead of photos: always one at a time, and always the newest, however long an answer takes. */
export class Live {
  /** The frame that is shown, with its answer; choices of classes stay from frame to frame. */
  readonly photo: Photo = { ...newPhoto(0, new Blob(), 'Camera'), state: 'running' };
  readonly #source: FrameSource;
  #grabbing = false;
  #id = 0;
  #frame: ImageBitmap | null = null;
  #picture: Shown | null = null;

  constructor(source: FrameSource) {
    this.#source = source;
  }

  /** The newest frame as a job, or `null` while one is being grabbed. */
  async next(wish: Wish): Promise<Job | null> {
    if (this.#grabbing) return null;
    this.#grabbing = true;
    try {
      this.#frame?.close();
      this.#frame = await this.#source.grab();
    } finally {
      this.#grabbing = false;
    }
    lastFrame -= 1;
    this.#id = lastFrame;
    return { type: 'segment', photo: this.#id, source: this.#frame, ...question(this.photo, wish) };
  }

  /** Whether a message of the worker is about the newest frame. */
  owns(id: number | null): boolean {
    return id !== null && id === this.#id;
  }

  /** Takes in what the worker says about the newest frame: it is shown when its answer is there. */
  hear(message: Extract<FromWorker, { type: 'picture' | 'segmentation' }>, device: string): void {
    if (message.type === 'picture') {
      const { bitmap, sourceWidth, sourceHeight } = message;
      this.#picture?.bitmap.close();
      this.#picture = { bitmap, sourceWidth, sourceHeight };
      return;
    }
    const last = this.photo.shown;
    this.photo.shown = this.#picture;
    this.#picture = null;
    last?.bitmap.close();
    const { findings, milliseconds } = message;
    answered(this.photo, { ...findings, milliseconds, device });
    const come = findings.segmentation.classes.filter(({ share }) => share > 0).map(({ index }) => index);
    this.photo.rows = [...new Set([...this.photo.rows, ...come])];
    this.photo.times = new Map([[device, milliseconds]]);
  }

  /** Frees what is shown. The newest frame is left to the engine, which may still work on it. */
  end(): void {
    for (const shown of [this.#picture, this.photo.shown]) shown?.bitmap.close();
  }
}
