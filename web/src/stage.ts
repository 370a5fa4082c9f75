import type { Result, Segmentation } from '../package/src/index.ts';
import { element, make } from './dom.ts';
import { type Context, type Layer, layerOf } from './layer.ts';
import { anchors } from './overlay.ts';
import { css, looksOf, nameOf, percent, readable } from './palette.ts';
import { type Photo, type PhotoState, seenIn } from './photo.ts';
import { Probe } from './probe.ts';
import type { View } from './render.ts';
import { ScaleBar } from './scale-bar.ts';

/** Regions too small for their name to stand on carry none: the legend has it. */
const SMALLEST_TAG = 0.05;

/** The photo with what lies over it, the names of its regions, and the probe that reads one point. */
export class Stage {
  readonly #box = element('stage', HTMLElement);
  readonly #note = element('stage-note', HTMLElement);
  readonly #frame = element('frame', HTMLElement);
  readonly #photo = element('photo', HTMLCanvasElement);
  readonly #overlay = element('overlay', HTMLCanvasElement);
  readonly #tags = element('tags', HTMLElement);
  readonly #scale = new ScaleBar();
  readonly #probe = new Probe((x, y) => this.#layer?.read(x, y) ?? null);
  #drawn: Photo | null = null;
  #bitmap: ImageBitmap | null = null;
  #answer: Result | null = null;
  #context: Context;
  #layer: Layer | null = null;

  /** `view` says what lies over the photo at first. */
  constructor(view: View) {
    this.#context = { view, looks: new Map(), names: [], label: null };
    this.#overlay.style.opacity = String(view.opacity);
  }

  /** Changes what lies over the photo, or how. */
  setView(view: View): void {
    const last = this.#context.view;
    this.#context = { ...this.#context, view };
    this.#overlay.style.opacity = String(view.opacity);
    if (view.layer !== last.layer || view.drawing !== last.drawing) this.#lay();
  }

  /** What lies over the photo; `null` when nothing does. */
  get layer(): ImageData | null {
    return this.#layer?.image ?? null;
  }

  /** What is on the stage, without its regions, as a JPEG; `null` when there is nothing. */
  photoFile(): Promise<Blob | null> {
    if (!this.#bitmap) return Promise.resolve(null);
    return new Promise((resolve) => this.#photo.toBlob(resolve, 'image/jpeg', 0.95));
  }

  /**
   * Shows a photo as far as it is known, or the invitation to choose one; `names` are the model's classes, `label` is
   * the one that is looked at.
   */
  draw(photo: Photo | null, names: readonly string[], label: number | null): void {
    const bitmap = photo?.shown?.bitmap ?? null;
    if (photo !== this.#drawn || bitmap !== this.#bitmap) {
      this.#drawn = photo;
      this.#bitmap = bitmap;
      this.#answer = null;
      this.#layer = null;
      this.#tags.replaceChildren();
      this.#scale.draw(null);
      this.#probe.hide();
      if (photo && bitmap) this.#drawPhoto(bitmap, photo.name);
    }
    const answer = photo?.answer ?? null;
    if (photo && answer && (answer !== this.#answer || label !== this.#context.label)) {
      this.#context = { ...this.#context, looks: looksOf(photo.rows), names, label };
      if (answer !== this.#answer) this.#nameRegions(answer);
      this.#answer = answer;
      this.#lay();
    }
    this.#note.textContent = photo && !bitmap ? `${photo.name} ${WITHOUT_PICTURE[photo.state]}` : '';
    this.#box.dataset.photo = photo?.name ?? '';
    this.#box.dataset.state = !photo ? 'empty' : !bitmap ? 'unseen' : answer ? 'segmented' : 'photo';
  }

  #drawPhoto(bitmap: ImageBitmap, name: string): void {
    const { width, height } = bitmap;
    for (const canvas of [this.#photo, this.#overlay]) {
      canvas.width = width;
      canvas.height = height;
    }
    this.#photo.getContext('2d')?.drawImage(bitmap, 0, 0);
    this.#frame.style.setProperty('--ratio', String(width / height));
    this.#photo.setAttribute('aria-label', `Photo ${name}, not yet segmented`);
    this.#frame.tabIndex = 0;
  }

  #lay(): void {
    this.#box.dataset.layer = this.#context.view.layer;
    if (!this.#answer) return;
    this.#layer = layerOf(this.#answer, this.#context);
    const { image, scale } = this.#layer;
    // Setting a size clears the canvas, too.
    this.#overlay.width = image?.width ?? 1;
    this.#overlay.height = image?.height ?? 1;
    if (image) this.#overlay.getContext('2d')?.putImageData(image, 0, 0);
    this.#scale.draw(scale);
    this.#probe.refresh();
  }

  #nameRegions(segmentation: Segmentation): void {
    const { names, looks } = this.#context;
    this.#photo.setAttribute('aria-label', summarise(segmentation));
    const tags = anchors(segmentation)
      .filter(({ size }) => size >= SMALLEST_TAG)
      .map(({ label, x, y }) => {
        const tag = make('span', 'tag', nameOf(names, label));
        tag.style.setProperty('--x', String(x));
        tag.style.setProperty('--y', String(y));
        const look = looks.get(label);
        if (look) tag.style.setProperty('--hue', css(look.rgb));
        return tag;
      });
    this.#tags.replaceChildren(...tags);
  }
}

const WITHOUT_PICTURE: Readonly<Record<PhotoState, string>> = {
  waiting: 'waits for its turn',
  running: 'is being opened',
  done: 'is segmented',
  failed: 'could not be shown',
};

/** One sentence that stands for the picture: what is in it and how much of it that covers. */
export function summarise(segmentation: Segmentation): string {
  const seen = seenIn(segmentation);
  if (seen.length === 0) return 'Photo in which the model finds none of its classes';
  return `Photo with ${seen.map(({ name, share }) => `${readable(name)} ${percent(share)}`).join(', ')}`;
}
