import { element } from './dom.ts';

/** A line across the photo that the visitor moves: left of it the photo as it is, right of it its regions. */
export class Divider {
  readonly #frame = element('frame', HTMLElement);
  readonly #handle = element('divider', HTMLElement);
  readonly #button = element('compare', HTMLButtonElement);
  /** Place of the line in hundredths of the photo's width. */
  #at = 50;

  constructor() {
    this.#button.addEventListener('click', () => {
      this.#handle.hidden = !this.#handle.hidden;
      this.#button.ariaPressed = String(!this.#handle.hidden);
      this.#draw();
    });
    this.#handle.addEventListener('pointerdown', (event) => this.#handle.setPointerCapture(event.pointerId));
    this.#handle.addEventListener('pointermove', (event) => {
      if (!this.#handle.hasPointerCapture(event.pointerId)) return;
      const box = this.#frame.getBoundingClientRect();
      this.#move(((event.clientX - box.left) / box.width) * 100);
    });
    this.#handle.addEventListener('keydown', (event) => this.#key(event));
    this.#draw();
  }

  #key(event: KeyboardEvent): void {
    const step = event.shiftKey ? 10 : 2;
    const at = {
      ArrowLeft: this.#at - step,
      ArrowDown: this.#at - step,
      ArrowRight: this.#at + step,
      ArrowUp: this.#at + step,
      PageDown: this.#at - 10,
      PageUp: this.#at + 10,
      Home: 0,
      End: 100,
    }[event.key];
    if (at === undefined) return;
    event.preventDefault();
    // The arrow keys of the photo itself move the probe.
    event.stopPropagation();
    this.#move(at);
  }

  #move(at: number): void {
    this.#at = Math.round(Math.min(100, Math.max(0, at)));
    this.#draw();
  }

  #draw(): void {
    this.#frame.style.setProperty('--cut', String(this.#handle.hidden ? 0 : this.#at / 100));
    this.#handle.ariaValueNow = String(this.#at);
    this.#handle.ariaValueText = `${this.#at} % photo, ${100 - this.#at} % regions`;
  }
}
