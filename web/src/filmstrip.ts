import { element, make } from './dom.ts';
import type { Photo } from './photo.ts';
import type { Queue } from './queue.ts';

/** What the visitor does with the filmstrip. */
export interface FilmstripListener {
  show(photo: Photo): void;
  remove(photo: Photo): void;
  /** Wants the photo that many places behind the shown one. */
  step(steps: number): void;
  clear(): void;
}

interface Frame {
  readonly photo: Photo;
  readonly item: HTMLElement;
  readonly button: HTMLButtonElement;
  readonly remove: HTMLButtonElement;
  readonly state: HTMLElement;
  readonly address: string;
}

/** The queue as a row of small pictures, each with its state. */
export class Filmstrip {
  readonly #list = element('strip', HTMLElement);
  readonly #count = element('strip-count', HTMLElement);
  readonly #clear = element('clear', HTMLButtonElement);
  readonly #listener: FilmstripListener;
  readonly #frames = new Map<number, Frame>();

  constructor(listener: FilmstripListener) {
    this.#listener = listener;
    this.#clear.addEventListener('click', () => listener.clear());
    this.#list.addEventListener('click', ({ target }) => {
      const button = target instanceof Element ? target.closest('button') : null;
      const frame = this.#frames.get(Number(button?.value));
      if (!frame) return;
      if (button === frame.remove) this.#remove(frame);
      else listener.show(frame.photo);
    });
    this.#list.addEventListener('keydown', (event) => this.#key(event));
  }

  /** Draws the queue; the shown photo is marked and scrolled into view. */
  draw(queue: Queue): void {
    const gone = new Set(this.#frames.keys());
    for (const photo of queue.photos) {
      gone.delete(photo.id);
      const frame = this.#frames.get(photo.id) ?? this.#add(photo);
      const isShown = photo === queue.shown;
      frame.button.ariaCurrent = String(isShown);
      // One stop for the tab key; the arrow keys go on from there.
      frame.button.tabIndex = frame.remove.tabIndex = isShown ? 0 : -1;
      if (isShown) reveal(this.#list, frame.item);
    }
    for (const id of gone) this.#drop(id);
    this.update(queue);
  }

  /** Draws the states alone. */
  update(queue: Queue): void {
    for (const { photo, item, state } of this.#frames.values()) {
      item.dataset.state = photo.state;
      state.textContent = photo.state;
    }
    this.#count.textContent = summary(queue);
    this.#clear.hidden = queue.photos.length === 0;
  }

  #add(photo: Photo): Frame {
    const item = make('li', 'film');
    const button = make('button', 'film-photo');
    const address = URL.createObjectURL(photo.file);
    const image = make('img', '');
    image.alt = '';
    image.decoding = 'async';
    image.src = address;
    // What is no picture has no small one either; the name and the state say enough.
    image.addEventListener('error', () => image.remove());
    const state = make('span', 'film-state');
    button.append(image, make('span', 'film-name', photo.name), state);
    const remove = make('button', 'film-remove', '×');
    remove.ariaLabel = `Remove ${photo.name}`;
    for (const each of [button, remove]) {
      each.type = 'button';
      each.value = String(photo.id);
    }
    item.append(button, remove);
    this.#list.append(item);
    const frame = { photo, item, button, remove, state, address };
    this.#frames.set(photo.id, frame);
    return frame;
  }

  #drop(id: number): void {
    const frame = this.#frames.get(id);
    if (!frame) return;
    URL.revokeObjectURL(frame.address);
    frame.item.remove();
    this.#frames.delete(id);
  }

  #remove(frame: Frame): void {
    this.#listener.remove(frame.photo);
    this.focus();
  }

  /** Moves the focus to the shown photo, or to what adds one. */
  focus(): void {
    const shown = this.#list.querySelector<HTMLButtonElement>('[aria-current="true"]');
    (shown ?? element('add', HTMLButtonElement)).focus({ preventScroll: true });
  }

  #key(event: KeyboardEvent): void {
    const steps = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key];
    const frame = [...this.#frames.values()].find(({ item }) => item.contains(document.activeElement));
    if (steps !== undefined) {
      event.preventDefault();
      this.#listener.step(steps);
      this.focus();
    } else if (event.key === 'Delete' && frame) {
      this.#remove(frame);
    }
  }
}

/** How far the queue is, short enough for one line of a phone: `2 of 3 done, 1 failed`. */
function summary(queue: Queue): string {
  const { length } = queue.photos;
  if (length === 0) return 'Your photos';
  const failed = queue.count('failed');
  return `${queue.count('done')} of ${length} done${failed > 0 ? `, ${failed} failed` : ''}`;
}

/** Scrolls `list` sideways until `item` is seen; the page itself stays where it is. */
function reveal(list: HTMLElement, item: HTMLElement): void {
  const left = item.offsetLeft - list.offsetLeft;
  if (left < list.scrollLeft) list.scrollLeft = left;
  else if (left + item.offsetWidth > list.scrollLeft + list.clientWidth) {
    list.scrollLeft = left + item.offsetWidth - list.clientWidth;
  }
}
