import { element } from './dom.ts';
import type { Drawing } from './overlay.ts';
import type { View } from './render.ts';

/** How the regions lie over the photo: how strong, and filled or as outlines. */
export class ViewControls {
  readonly #opacity = element('opacity', HTMLInputElement);
  readonly #value = element('opacity-value', HTMLOutputElement);
  readonly #drawing = element('drawing', HTMLFieldSetElement);

  /** `onChange` hears every change. */
  constructor(onChange: (view: View) => void) {
    const change = () => {
      this.#value.value = `${this.#opacity.value} %`;
      onChange(this.view);
    };
    this.#opacity.addEventListener('input', change);
    this.#drawing.addEventListener('change', change);
    // Browsers restore what was set before a reload.
    this.#value.value = `${this.#opacity.value} %`;
  }

  /** What is set now. */
  get view(): View {
    const drawing: Drawing =
      this.#drawing.querySelector<HTMLInputElement>('input:checked')?.value === 'outline' ? 'outline' : 'fill';
    return { opacity: Number(this.#opacity.value) / 100, drawing };
  }
}
