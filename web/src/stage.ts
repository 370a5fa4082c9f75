import { element, make } from './dom.ts';
import type { Segmentation } from './messages.ts';
import { anchors, paint } from './overlay.ts';
import { css, type Looks, looksOf, nameOf, percent, readable } from './palette.ts';
import { type Photo, type PhotoState, seenIn } from './photo.ts';
import type { View } from './render.ts';

/** Regions too small for their name to stand on carry none: the legend has it. */
const SMALLEST_TAG = 0.05;

/** The photo with its regions, their names, and the probe that reads one pixel. */
export class Stage {
  readonly #box = element('stage', HTMLElement);
  readonly #note = element('stage-note', HTMLElement);
  readonly #frame = element('frame', HTMLElement);
  readonly #photo = element('photo', HTMLCanvasElement);
  readonly #overlay = element('overlay', HTMLCanvasElement);
  readonly #tags = element('tags', HTMLElement);
  readonly #probe = element('probe', HTMLElement);
  readonly #readout = element('readout', HTMLOutputElement);
  #names: readonly string[] = [];
  #drawn: Photo | null = null;
  #bitmap: ImageBitmap | null = null;
  #segmentation: Segmentation | null = null;
  #looks: Looks = new Map();
  #view: View;
  #at = { x: 0.5, y: 0.5 };

  /** `view` says how the regions lie over the photo at first. */
  constructor(view: View) {
    this.#view = view;
    this.#frame.addEventListener('pointermove', (event) => {
      const box = this.#frame.getBoundingClientRect();
      this.#readout.setAttribute('aria-live', 'off');
      this.#moveProbe((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height, false);
    });
    this.#frame.addEventListener('pointerleave', () => this.#hideProbe());
    this.#frame.addEventListener('keydown', (event) => this.#stepProbe(event));
    this.#frame.addEventListener('blur', () => this.#hideProbe());
    this.#overlay.style.opacity = String(view.opacity);
  }

  /** Changes how the regions lie over the photo. */
  setView(view: View): void {
    const isRedrawn = view.drawing !== this.#view.drawing;
    this.#view = view;
    this.#overlay.style.opacity = String(view.opacity);
    if (isRedrawn && this.#segmentation) this.#paint(this.#segmentation);
  }

  /** What is on the stage, without its regions, as a JPEG; `null` when there is nothing. */
  photoFile(): Promise<Blob | null> {
    if (!this.#bitmap) return Promise.resolve(null);
    return new Promise((resolve) => this.#photo.toBlob(resolve, 'image/jpeg', 0.95));
  }

  /** Shows a photo as far as it is known, or the invitation to choose one; `names` are the model's classes. */
  draw(photo: Photo | null, names: readonly string[]): void {
    const bitmap = photo?.shown?.bitmap ?? null;
    if (photo !== this.#drawn || bitmap !== this.#bitmap) {
      this.#drawn = photo;
      this.#bitmap = bitmap;
      this.#segmentation = null;
      this.#tags.replaceChildren();
      this.#hideProbe();
      if (photo && bitmap) this.#drawPhoto(bitmap, photo.name);
    }
    this.#names = names;
    const segmentation = photo?.answer?.segmentation ?? null;
    if (photo && segmentation && segmentation !== this.#segmentation)
      this.#drawRegions(segmentation, looksOf(photo.rows));
    this.#note.textContent = photo && !bitmap ? `${photo.name} ${WITHOUT_PICTURE[photo.state]}` : '';
    this.#box.dataset.photo = photo?.name ?? '';
    this.#box.dataset.state = !photo ? 'empty' : !bitmap ? 'unseen' : segmentation ? 'segmented' : 'photo';
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

  #drawRegions(segmentation: Segmentation, looks: Looks): void {
    this.#segmentation = segmentation;
    this.#looks = looks;
    this.#paint(segmentation);
    this.#photo.setAttribute('aria-label', summarise(segmentation));
    this.#tags.replaceChildren(...this.#makeTags(segmentation, looks));
  }

  #paint(segmentation: Segmentation): void {
    this.#overlay.width = segmentation.width;
    this.#overlay.height = segmentation.height;
    const image = paint(segmentation, this.#looks, this.#view.drawing);
    this.#overlay.getContext('2d')?.putImageData(image, 0, 0);
  }

  #makeTags(segmentation: Segmentation, looks: Looks): HTMLElement[] {
    return anchors(segmentation)
      .filter(({ size }) => size >= SMALLEST_TAG)
      .map(({ label, x, y }) => {
        const tag = make('span', 'tag', this.#nameOf(label));
        tag.style.setProperty('--x', String(x));
        tag.style.setProperty('--y', String(y));
        const look = looks.get(label);
        if (look) tag.style.setProperty('--hue', css(look));
        return tag;
      });
  }

  #nameOf(label: number): string {
    return label === 0 ? 'background' : nameOf(this.#names, label);
  }

  #stepProbe(event: KeyboardEvent): void {
    const step = event.shiftKey ? 0.1 : 0.02;
    const steps: Partial<Record<string, readonly [number, number]>> = {
      ArrowLeft: [-step, 0],
      ArrowRight: [step, 0],
      ArrowUp: [0, -step],
      ArrowDown: [0, step],
    };
    const move = steps[event.key];
    if (!move || !this.#segmentation) return;
    event.preventDefault();
    this.#readout.setAttribute('aria-live', 'polite');
    this.#moveProbe(this.#at.x + move[0], this.#at.y + move[1], true);
  }

  #moveProbe(x: number, y: number, visible: boolean): void {
    this.#at = { x: Math.min(1, Math.max(0, x)), y: Math.min(1, Math.max(0, y)) };
    if (!this.#segmentation) return;
    const { width, height, labels, confidence } = this.#segmentation;
    const column = Math.min(width - 1, Math.floor(this.#at.x * width));
    const line = Math.min(height - 1, Math.floor(this.#at.y * height));
    const at = line * width + column;
    this.#readout.value = `${this.#nameOf(labels[at] ?? 0)}, ${percent((confidence[at] ?? 0) / 255)} sure`;
    this.#probe.hidden = !visible;
    this.#probe.style.setProperty('--x', String(this.#at.x));
    this.#probe.style.setProperty('--y', String(this.#at.y));
  }

  #hideProbe(): void {
    this.#probe.hidden = true;
    this.#readout.value = '';
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
