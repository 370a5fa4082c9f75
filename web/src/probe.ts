import { element } from './dom.ts';

/** Reads one point of the photo: where the pointer is, or where the arrow keys have moved the ring. */
export class Probe {
  readonly #frame = element('frame', HTMLElement);
  readonly #ring = element('probe', HTMLElement);
  readonly #readout = element('readout', HTMLOutputElement);
  readonly #read: (x: number, y: number) => string | null;
  #at = { x: 0.5, y: 0.5 };
  #isReading = false;

  /** `read` gives what is known of a point (both numbers 0 to 1), or `null` while there is nothing to read. */
  constructor(read: (x: number, y: number) => string | null) {
    this.#read = read;
    this.#frame.addEventListener('pointermove', (event) => {
      const box = this.#frame.getBoundingClientRect();
      this.#readout.setAttribute('aria-live', 'off');
      this.#move((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height, false);
    });
    this.#frame.addEventListener('pointerleave', () => this.hide());
    this.#frame.addEventListener('keydown', (event) => this.#step(event));
    this.#frame.addEventListener('blur', () => this.hide());
  }

  /** Reads the same point again, after something else was laid over the photo. */
  refresh(): void {
    if (this.#isReading) this.#readout.value = this.#read(this.#at.x, this.#at.y) ?? '';
  }

  /** Reads nothing. */
  hide(): void {
    this.#isReading = false;
    this.#ring.hidden = true;
    this.#readout.value = '';
  }

  #step(event: KeyboardEvent): void {
    const step = event.shiftKey ? 0.1 : 0.02;
    const steps: Partial<Record<string, readonly [number, number]>> = {
      ArrowLeft: [-step, 0],
      ArrowRight: [step, 0],
      ArrowUp: [0, -step],
      ArrowDown: [0, step],
    };
    const move = steps[event.key];
    if (!move || this.#read(this.#at.x, this.#at.y) === null) return;
    event.preventDefault();
    this.#readout.setAttribute('aria-live', 'polite');
    this.#move(this.#at.x + move[0], this.#at.y + move[1], true);
  }

  #move(x: number, y: number, visible: boolean): void {
    this.#at = { x: Math.min(1, Math.max(0, x)), y: Math.min(1, Math.max(0, y)) };
    const text = this.#read(this.#at.x, this.#at.y);
    if (text === null) return;
    this.#isReading = true;
    this.#readout.value = text;
    this.#ring.hidden = !visible;
    this.#ring.style.setProperty('--x', String(this.#at.x));
    this.#ring.style.setProperty('--y', String(this.#at.y));
  }
}
