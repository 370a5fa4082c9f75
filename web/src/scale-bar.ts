import { gradient } from './colour-scale.ts';
import { element } from './dom.ts';
import type { Scale } from './layer.ts';

/** In the photo's corner: what the colours over it mean. */
export class ScaleBar {
  readonly #box = element('scale', HTMLElement);
  readonly #title = element('scale-title', HTMLElement);
  readonly #low = element('scale-low', HTMLElement);
  readonly #bar = element('scale-bar', HTMLElement);
  readonly #high = element('scale-high', HTMLElement);

  /** Shows a scale; `null` where none is needed. */
  draw(scale: Scale | null): void {
    this.#box.hidden = !scale;
    if (!scale) return;
    this.#title.textContent = scale.title;
    this.#low.textContent = scale.low;
    this.#high.textContent = scale.high;
    this.#bar.style.setProperty('--scale', gradient(scale.stops));
  }
}
