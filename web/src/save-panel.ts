import { Sentence, textOf } from '../package/src/sentence.ts';
import { archiveOf, labelsIn, maskOf } from './archive.ts';
import { element } from './dom.ts';
import { stem } from './file-name.ts';
import { copyPicture, download } from './hand-over.ts';
import { nameOf } from './palette.ts';
import { isSegmented, type Photo, type Segmented } from './photo.ts';
import { cutOut, overlayPicture, type View } from './render.ts';

/** What the panel asks of the page. */
export interface SavePanelListener {
  /** What lies over the photo, and how. */
  view(): View;
  /** The picture of it; `null` when nothing lies there. */
  layer(): ImageData | null;
  /** Something is done. */
  done(sentence: string): void;
  /** Something went wrong. */
  problem(sentence: string): void;
}

/** Mask, overlay and cut-out of the shown photo to save or copy, and everything about all photos as a zip. */
export class SavePanel {
  readonly #one = element('save', HTMLFieldSetElement);
  readonly #cutOut = element('cut-out', HTMLFieldSetElement);
  readonly #classes = element('cut-out-class', HTMLSelectElement);
  readonly #all = element('save-all', HTMLButtonElement);
  readonly #listener: SavePanelListener;
  #names: readonly string[] = [];
  #photo: Segmented | null = null;
  #photos: readonly Segmented[] = [];
  #packing = false;

  constructor(listener: SavePanelListener) {
    this.#listener = listener;
    this.#offer('mask', 'mask', (photo) => maskOf(photo));
    this.#offer('overlay', 'overlay', async (photo) => {
      const layer = listener.layer();
      if (!layer) throw new Sentence('Nothing lies over this photo. Choose another view, then try again.');
      return overlayPicture(photo.shown, layer, listener.view());
    });
    this.#offer('cut-out', 'cut-out', (photo) => cutOut(photo, Number(this.#classes.value)));
    this.#all.addEventListener('click', () => this.#try(() => this.#saveAll()));
  }

  /** Offers what there is: of the shown photo, and of all; `names` are the model's classes. */
  draw(shown: Photo | null, photos: readonly Photo[], names: readonly string[]): void {
    this.#names = names;
    this.#photo = isSegmented(shown) ? shown : null;
    this.#photos = photos.filter(isSegmented);
    this.#one.disabled = !this.#photo;
    this.#all.disabled = this.#photos.length === 0 || this.#packing;
    const labels = this.#photo ? labelsIn(this.#photo) : [];
    this.#offerClasses(labels);
    this.#cutOut.disabled = labels.length === 0;
  }

  #offerClasses(labels: readonly number[]): void {
    // The camera answers while the list is open: only another list closes it.
    if (labels.length > 0 && labels.join() === Array.from(this.#classes.options, ({ value }) => value).join()) return;
    const before = this.#classes.value;
    const options = labels.map((label) => new Option(nameOf(this.#names, label), String(label)));
    this.#classes.replaceChildren(...(options.length > 0 ? options : [new Option('Cut-out', '')]));
    if (labels.includes(Number(before))) this.#classes.value = before;
  }

  #offer(id: string, what: string, make: (photo: Segmented) => Promise<Blob>): void {
    const on = (button: string, work: (photo: Segmented) => Promise<void>) =>
      element(`${button}-${id}`, HTMLButtonElement).addEventListener('click', () =>
        this.#try(async () => {
          if (this.#photo) await work(this.#photo);
        }),
      );
    on('save', async (photo) => {
      const suffix = id === 'cut-out' ? this.#names[Number(this.#classes.value) - 1] : id;
      download(await make(photo), `${stem(photo.name)}-${suffix}.png`);
    });
    on('copy', async (photo) => {
      await copyPicture(make(photo));
      this.#listener.done(`The ${what} of ${photo.name} is in the clipboard.`);
    });
  }

  async #saveAll(): Promise<void> {
    this.#packing = this.#all.disabled = true;
    try {
      download(await archiveOf(this.#photos, this.#names, this.#listener.view()), 'segmented.zip');
    } finally {
      this.#packing = false;
      this.#all.disabled = this.#photos.length === 0;
    }
  }

  async #try(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#listener.problem(error instanceof Sentence ? error.message : `That did not work: ${textOf(error)}.`);
    }
  }
}
