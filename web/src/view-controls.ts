import { element } from './dom.ts';
import type { Drawing } from './overlay.ts';
import { LAYERS, type View } from './render.ts';

/** What lies over the photo, how strong, and whether regions are filled or outlined. */
export class ViewControls {
  readonly #layer = element('layer', HTMLSelectElement);
  readonly #opacity = element('opacity', HTMLInputElement);
  readonly #value = element('opacity-value', HTMLOutputElement);
  readonly #drawing = element('drawing', HTMLFieldSetElement);

  /** `onChange` hears every change. */
  constructor(onChange: (view: View) => void) {
    const show = () => {
      this.#value.value = `${this.#opacity.value} %`;
      this.#drawing.disabled = this.view.layer !== 'segmentation';
    };
    const change = () => {
      show();
      onChange(this.view);
    };
    this.#layer.addEventListener('change', change);
    this.#opacity.addEventListener('input', change);
    this.#drawing.addEventListener('change', change);
    // Browsers restore what was set before a reload.
    show();
  }

  /** What is set now. */
  get view(): View {
    const drawing: Drawing =
      this.#drawing.querySelector<HTMLInputElement>('input:checked')?.value === 'outline' ? 'outline' : 'fill';
    const layer = LAYERS.find((name) => name === this.#layer.value) ?? 'segmentation';
    return { layer, opacity: Number(this.#opacity.value) / 100, drawing };
  }
}
