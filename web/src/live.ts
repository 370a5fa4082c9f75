import type { DecodedPicture, Result } from '../package/src/index.ts';
import { answered, newPhoto, type Photo, seenIn } from './photo.ts';
import type { Task } from './task.ts';

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
  #ended = false;
  #frame: ImageBitmap | null = null;
  #picture: DecodedPicture | null = null;

  constructor(source: FrameSource) {
    this.#source = source;
  }

  /** The newest frame, or `null` while one is being grabbed; the one before is closed. */
  async next(): Promise<Task | null> {
    if (this.#grabbing) return null;
    this.#grabbing = true;
    try {
      this.#frame?.close();
      this.#frame = await this.#source.grab();
    } finally {
      this.#grabbing = false;
    }
    return {
      photo: this.photo,
      source: this.#frame,
      isWanted: () => !this.#ended,
      decoded: (picture) => this.#decoded(picture),
      answered: (result) => this.#answered(result),
    };
  }

  /** Frees what is shown. The newest frame is left to the engine, which may still work on it. */
  end(): void {
    this.#ended = true;
    for (const shown of [this.#picture, this.photo.shown]) shown?.bitmap.close();
  }

  /** The newest frame is shown when its answer is there. */
  #decoded(picture: DecodedPicture): void {
    this.#picture?.bitmap.close();
    this.#picture = picture;
  }

  #answered(result: Result): void {
    const last = this.photo.shown;
    this.photo.shown = this.#picture;
    this.#picture = null;
    last?.bitmap.close();
    answered(this.photo, result);
    const come = seenIn(result).map(({ index }) => index);
    this.photo.rows = [...new Set([...this.photo.rows, ...come])];
    this.photo.times = new Map([[result.device, result.milliseconds]]);
  }
}
