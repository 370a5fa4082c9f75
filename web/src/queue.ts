import { newPhoto, type Photo, type PhotoState } from './photo.ts';

/** Photos that the queue holds at once: each keeps about 5 MB of pixels and labels, and phones close greedy tabs. */
export const CAPACITY = 64;

/** The visitor's photos in their order, and the one that is shown. */
export class Queue {
  #photos: Photo[] = [];
  #lastId = 0;
  #shown: Photo | null = null;

  /** All photos, the oldest first. */
  get photos(): readonly Photo[] {
    return this.#photos;
  }

  /** The photo on the stage. */
  get shown(): Photo | null {
    return this.#shown;
  }

  /** Appends a photo and gives it, or `null` when the queue is full. */
  add(file: Blob, name: string): Photo | null {
    if (this.#photos.length >= CAPACITY) return null;
    this.#lastId += 1;
    const photo = newPhoto(this.#lastId, file, name);
    this.#photos.push(photo);
    return photo;
  }

  /** Whether a photo is there, and was not removed. */
  has(photo: Photo): boolean {
    return this.#photos.includes(photo);
  }

  /** Puts a photo on the stage. */
  show(photo: Photo): void {
    this.#shown = photo;
  }

  /** The photo `steps` behind the shown one; at an end, that end. */
  neighbour(steps: number): Photo | null {
    if (!this.#shown) return this.#photos[0] ?? null;
    const at = this.#photos.indexOf(this.#shown) + steps;
    return this.#photos[Math.min(this.#photos.length - 1, Math.max(0, at))] ?? null;
  }

  /** Takes a photo out and frees its pixels. Where it was shown, the next one is, or the one before. */
  remove(photo: Photo): void {
    const at = this.#photos.indexOf(photo);
    if (at < 0) return;
    this.#photos.splice(at, 1);
    photo.shown?.bitmap.close();
    if (photo === this.#shown) this.#shown = this.#photos[at] ?? this.#photos[at - 1] ?? null;
  }

  /** Takes every photo out. */
  clear(): void {
    for (const photo of [...this.#photos]) this.remove(photo);
  }

  /** What to work on next: a changed choice of the shown photo, then of another, then the oldest that waits. */
  next(): Photo | null {
    const stale = (photo: Photo) => photo.stale && photo.state === 'done';
    if (this.#shown && stale(this.#shown)) return this.#shown;
    return this.#photos.find(stale) ?? this.#photos.find(({ state }) => state === 'waiting') ?? null;
  }

  /** How many photos are in this state. */
  count(state: PhotoState): number {
    return this.#photos.filter((photo) => photo.state === state).length;
  }
}
