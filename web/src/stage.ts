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
  readonly #opacity = element('opacity', HTMLInputElement);
  #names: readonly string[] = [];
  #drawn: Photo | null = null;
  #bitmap: ImageBitmap | null = null;
  #segmentation: Segmentation | null = null;
  #at = { x: 0.5, y: 0.5 };

  constructor() {
    this.#opacity.addEventListener('input', () => this.#applyOpacity());
    this.#frame.addEventListener('pointermove', (event) => {
      const box = this.#frame.getBoundingClientRect();
      this.#readout.setAttribute('aria-live', 'off');
      this.#moveProbe((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height, false);
    });
    this.#frame.addEventListener('pointerleave', () => this.#hideProbe());
    this.#frame.addEventListener('keydown', (event) => this.#stepProbe(event));
    this.#frame.addEventListener('blur', () => this.#hideProbe());
    this.#applyOpacity();
  }

  /** How the regions are shown. */
  get view(): View {
    return { opacity: Number(this.#opacity.value) / 100 };
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
    this.#overlay.width = segmentation.width;
    this.#overlay.height = segmentation.height;
    this.#overlay.getContext('2d')?.putImageData(paint(segmentation, looks), 0, 0);
    this.#photo.setAttribute('aria-label', summarise(segmentation));
    this.#tags.replaceChildren(...this.#makeTags(segmentation, looks));
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

  #applyOpacity(): void {
    this.#overlay.style.opacity = String(this.view.opacity);
    element('opacity-value', HTMLOutputElement).value = `${this.#opacity.value} %`;
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
