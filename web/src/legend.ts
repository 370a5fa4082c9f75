import { element, make } from './dom.ts';
import type { ClassResult } from './messages.ts';
import { css, type Looks, looksOf, nameOf, percent } from './palette.ts';
import { labelsOn, type Photo } from './photo.ts';

/**
 * The classes of the shown photo with colour, name and share, each a switch; below them the model's other classes,
 * which may be switched on too.
 */
export class Legend {
  readonly #list = element('legend', HTMLElement);
  readonly #others = element('others', HTMLElement);
  readonly #othersBox = element('others-box', HTMLElement);
  readonly #empty = element('legend-empty', HTMLElement);
  #names: readonly string[] = [];

  /** `onToggle` hears the label of a class that the visitor switches on or off. */
  constructor(onToggle: (label: number) => void) {
    for (const list of [this.#list, this.#others]) {
      list.addEventListener('click', (event) => {
        const button = event.target instanceof Element ? event.target.closest('button') : null;
        if (button) onToggle(Number(button.value));
      });
    }
  }

  /** Lists the classes of `photo`; `names` are the model's classes. */
  draw(photo: Photo | null, names: readonly string[]): void {
    this.#names = names;
    const { activeElement } = document;
    const lists = [this.#list, this.#others];
    const focused =
      activeElement instanceof HTMLButtonElement && lists.some((list) => list.contains(activeElement))
        ? activeElement.value
        : null;
    const rows = photo?.answer ? photo.rows : [];
    const on = new Set(photo ? labelsOn(photo) : []);
    const results = new Map(photo?.answer?.segmentation.classes.map((result) => [result.index, result]));
    const looks = looksOf(rows);
    this.#list.replaceChildren(...rows.map((label) => this.#row(label, on.has(label), results.get(label), looks)));
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

  #row(label: number, isOn: boolean, result: ClassResult | undefined, looks: Looks): HTMLElement {
    const share = result?.share ?? 0;
    const item = make('li', 'row');
    const button = make('button', 'class');
    button.type = 'button';
    button.value = String(label);
    button.ariaPressed = String(isOn);
    const bar = make('span', 'bar');
    bar.style.setProperty('--share', String(share));
    const look = looks.get(label);
    const swatch = make('span', `swatch ${look?.filling ?? 'solid'}`);
    if (look) button.style.setProperty('--hue', css(look));
    button.append(swatch, make('span', 'name', nameOf(this.#names, label)), make('span', 'share', percent(share)), bar);
    if (result) button.title = `${percent(result.score)} sure that it is in the photo`;
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
