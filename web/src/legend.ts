import { element, make } from './dom.ts';
import type { ClassResult, Segmentation } from './messages.ts';
import { css, type Looks, looksOf, percent, readable } from './palette.ts';

/**
 * The classes of the photo with colour, name and share, each a switch; below them the model's other classes, which
 * may be switched on too. A change asks the engine again: it keeps what it has seen and answers at once.
 */
export class Legend {
  readonly #list = element('legend', HTMLElement);
  readonly #others = element('others', HTMLElement);
  readonly #othersBox = element('others-box', HTMLElement);
  readonly #empty = element('legend-empty', HTMLElement);
  readonly #onChange: (labels: readonly number[]) => void;
  #names: readonly string[] = [];
  #rows: number[] = [];
  #on = new Set<number>();

  /** `onChange` hears the labels that are switched on after every change. */
  constructor(onChange: (labels: readonly number[]) => void) {
    this.#onChange = onChange;
    for (const list of [this.#list, this.#others]) {
      list.addEventListener('click', (event) => {
        const button = event.target instanceof Element ? event.target.closest('button') : null;
        if (button) this.#toggle(Number(button.value));
      });
    }
  }

  /** How the classes of this photo look; a class keeps its look while the photo is open. */
  get looks(): Looks {
    return looksOf(this.#rows);
  }

  /** Forgets the last photo. */
  clear(): void {
    this.#rows = [];
    this.#on.clear();
    this.#list.replaceChildren();
    this.#othersBox.hidden = true;
    this.#empty.hidden = false;
    this.#empty.textContent = 'What the photo shows will be listed here.';
  }

  /** Shows the first answer about a photo: its classes become the rows, all of them on. */
  showNew(segmentation: Segmentation, names: readonly string[]): void {
    this.#names = names;
    const seen = segmentation.classes.filter(({ share }) => share > 0).sort((a, b) => b.share - a.share);
    this.#rows = seen.map(({ index }) => index);
    this.#on = new Set(this.#rows);
    this.#draw(segmentation);
  }

  /** Shows a later answer about the same photo: the rows stay where they are. */
  update(segmentation: Segmentation): void {
    this.#draw(segmentation);
  }

  #toggle(label: number): void {
    if (!this.#on.delete(label)) this.#on.add(label);
    if (!this.#rows.includes(label)) this.#rows.push(label);
    for (const button of this.#list.querySelectorAll('button')) {
      if (Number(button.value) === label) button.ariaPressed = String(this.#on.has(label));
    }
    this.#onChange([...this.#on].sort((a, b) => a - b));
  }

  #draw(segmentation: Segmentation): void {
    const focused = document.activeElement instanceof HTMLButtonElement ? document.activeElement.value : null;
    const hadFocus = this.#list.contains(document.activeElement) || this.#others.contains(document.activeElement);
    const results = new Map(segmentation.classes.map((result) => [result.index, result]));
    const looks = this.looks;
    this.#list.replaceChildren(...this.#rows.map((label) => this.#row(label, results.get(label), looks)));
    this.#empty.hidden = this.#rows.length > 0;
    this.#empty.textContent = 'The model finds none of its classes in this photo.';
    const rest = this.#names.map((_, index) => index + 1).filter((label) => !this.#rows.includes(label));
    this.#others.replaceChildren(...rest.map((label) => this.#chip(label)));
    this.#othersBox.hidden = rest.length === 0;
    if (hadFocus && focused !== null) {
      this.#list.querySelector<HTMLButtonElement>(`button[value="${CSS.escape(focused)}"]`)?.focus();
    }
  }

  #row(label: number, result: ClassResult | undefined, looks: Looks): HTMLElement {
    const share = result?.share ?? 0;
    const item = make('li', 'row');
    const button = make('button', 'class');
    button.type = 'button';
    button.value = String(label);
    button.ariaPressed = String(this.#on.has(label));
    const bar = make('span', 'bar');
    bar.style.setProperty('--share', String(share));
    const look = looks.get(label);
    const swatch = make('span', `swatch ${look?.filling ?? 'solid'}`);
    if (look) button.style.setProperty('--hue', css(look));
    button.append(swatch, make('span', 'name', this.#nameOf(label)), make('span', 'share', percent(share)), bar);
    if (result) button.title = `${percent(result.score)} sure that it is in the photo`;
    item.append(button);
    return item;
  }

  #chip(label: number): HTMLElement {
    const item = make('li', 'chip-item');
    const button = make('button', 'chip', this.#nameOf(label));
    button.type = 'button';
    button.value = String(label);
    item.append(button);
    return item;
  }

  #nameOf(label: number): string {
    return readable(this.#names[label - 1] ?? `class ${label}`);
  }
}
