import type { ClassResult } from '../package/src/index.ts';
import { element, make } from './dom.ts';
import { css, type Looks, looksOf, nameOf, percent } from './palette.ts';
import { labelsOn, type Photo } from './photo.ts';

/** What a legend tells the page. */
export interface LegendListener {
  /** The visitor switches a class on or off. */
  toggle(label: number): void;
  /** Another class is looked at. */
  choose(): void;
}

/**
 * The classes of the shown photo with colour, name and share, each a switch; below them the model's other classes,
 * which may be switched on too. Where the view shows one class alone, the rows choose it instead.
 */
export class Legend {
  readonly #list = element('legend', HTMLElement);
  readonly #others = element('others', HTMLElement);
  readonly #othersBox = element('others-box', HTMLElement);
  readonly #empty = element('legend-empty', HTMLElement);
  #names: readonly string[] = [];
  /** What the rows were made of: as long as that is the same, a camera's next frame changes their numbers alone. */
  #made = '';
  #rows: readonly number[] = [];
  #isChoice = false;
  #chosen: number | null = null;
  readonly #listener: LegendListener;

  /** `listener` hears what the visitor does with the classes. */
  constructor(listener: LegendListener) {
    this.#listener = listener;
    this.#list.addEventListener('click', (event) => this.#press(labelAt(event)));
    for (const name of ['pointermove', 'focusin'] as const) {
      this.#list.addEventListener(name, (event) => {
        if (this.#isChoice) this.#choose(labelAt(event));
      });
    }
    this.#others.addEventListener('click', (event) => {
      const label = labelAt(event);
      if (label === null) return;
      this.#chosen = label;
      listener.toggle(label);
    });
    document.addEventListener('keydown', (event) => {
      const isTyping =
        event.target instanceof HTMLElement && event.target.matches('select, textarea, input[type=text]');
      const isMore = event.ctrlKey || event.altKey || event.metaKey || event.repeat;
      if (isTyping || isMore || !/^[1-9]$/.test(event.key)) return;
      const row = this.#list.querySelectorAll('button').item(Number(event.key) - 1);
      if (row) this.#press(Number(row.value));
    });
  }

  /** Label of the class that is looked at: the one that was chosen last, else the first; `null` when there is none. */
  get chosen(): number | null {
    return this.#chosen !== null && this.#rows.includes(this.#chosen) ? this.#chosen : (this.#rows[0] ?? null);
  }

  /** Lists the classes of `photo`; `names` are the model's classes. `isChoice`: the view shows one class alone. */
  draw(photo: Photo | null, names: readonly string[], isChoice: boolean): void {
    const rows = photo?.answer ? photo.rows : [];
    this.#rows = rows;
    this.#isChoice = isChoice;
    const on = new Set(photo ? labelsOn(photo) : []);
    const results = new Map(photo?.answer?.classes.map((result) => [result.index, result]));
    const made = JSON.stringify([photo?.id, photo?.answer !== null, rows, names]);
    const isNew = made !== this.#made;
    this.#made = made;
    if (isNew) this.#make(photo, rows, names);
    for (const button of this.#list.querySelectorAll('button')) {
      const label = Number(button.value);
      setNumbers(button, results.get(label));
      button.ariaPressed = String(isChoice ? label === this.chosen : on.has(label));
      button.dataset.off = String(!on.has(label));
    }
    this.#list.dataset.choice = String(isChoice);
  }

  #press(label: number | null): void {
    if (this.#isChoice) this.#choose(label);
    else if (label !== null) this.#listener.toggle(label);
  }

  #choose(label: number | null): void {
    if (label === null || label === this.chosen) return;
    this.#chosen = label;
    this.#listener.choose();
  }

  #make(photo: Photo | null, rows: readonly number[], names: readonly string[]): void {
    this.#names = names;
    const { activeElement } = document;
    const lists = [this.#list, this.#others];
    const focused =
      activeElement instanceof HTMLButtonElement && lists.some((list) => list.contains(activeElement))
        ? activeElement.value
        : null;
    const looks = looksOf(rows);
    this.#list.replaceChildren(...rows.map((label, index) => this.#row(label, index + 1, looks)));
    this.#empty.hidden = rows.length > 0;
    this.#empty.textContent = photo?.answer
      ? 'The model finds none of its classes in this photo.'
      : 'What the photo shows will be listed here.';
    const rest = names.map((_, index) => index + 1).filter((label) => !rows.includes(label));
    this.#others.replaceChildren(...rest.map((label) => this.#chip(label)));
    this.#othersBox.hidden = !photo?.answer || rest.length === 0;
    if (focused !== null) {
      this.#list.querySelector<HTMLButtonElement>(`button[value="${CSS.escape(focused)}"]`)?.focus();
    }
  }

  #row(label: number, place: number, looks: Looks): HTMLElement {
    const item = make('li', 'row');
    const button = make('button', 'class');
    button.type = 'button';
    button.value = String(label);
    const look = looks.get(label);
    const swatch = make('span', `swatch ${look?.filling ?? 'solid'}`);
    if (look) button.style.setProperty('--hue', css(look.rgb));
    button.append(swatch, make('span', 'name', nameOf(this.#names, label)), make('span', 'share'), make('span', 'bar'));
    if (place <= 9) {
      const key = make('kbd', 'key', String(place));
      key.ariaHidden = 'true';
      button.append(key);
      button.setAttribute('aria-keyshortcuts', String(place));
    }
    item.append(button);
    return item;
  }

  #chip(label: number): HTMLElement {
    const item = make('li', 'chip-item');
    const button = make('button', 'chip', nameOf(this.#names, label));
    button.type = 'button';
    button.value = String(label);
    item.append(button);
    return item;
  }
}

/** The class on whose button something happened; `null` beside them. */
function labelAt({ target }: Event): number | null {
  const button = target instanceof Element ? target.closest('button') : null;
  return button && Number(button.value);
}

/** Writes what the newest answer says about the class into its row. */
function setNumbers(button: HTMLButtonElement, result: ClassResult | undefined): void {
  const share = result?.share ?? 0;
  button.style.setProperty('--share', String(share));
  const text = button.querySelector('.share');
  if (text) text.textContent = percent(share);
  button.title = result ? `${percent(result.score)} sure that it is in the photo` : '';
}
