import { element } from './dom.ts';

/** The choice whether regions follow the picture's edges. */
export class EdgeControl {
  readonly #box = element('edges', HTMLInputElement);

  /** `onChoose` hears what the visitor wants. */
  constructor(onChoose: (refine: boolean) => void) {
    this.#box.addEventListener('change', () => onChoose(this.#box.checked));
  }

  /** Shows what holds; `null` while the model, which decides at first, is not known. */
  set(refines: boolean | null): void {
    this.#box.disabled = refines === null;
    this.#box.checked = refines ?? false;
  }
}
