import type { Device } from '../package/src/index.ts';
import { element } from './dom.ts';
import { seconds, wordsFor } from './duration.ts';
import type { Photo } from './photo.ts';

/** The choice between graphics card and processor, and what each took for the shown photo. */
export class DeviceControl {
  readonly #choice = element('compute', HTMLFieldSetElement);
  readonly #times = element('times', HTMLElement);

  /** `onChoose` hears which device the visitor wants. */
  constructor(onChoose: (device: Device) => void) {
    this.#choice.addEventListener('change', () => onChoose(this.#radio('webgpu').checked ? 'webgpu' : 'cpu'));
  }

  /** Marks the device that computes, which need not be the one that was asked for. */
  set(device: Device): void {
    this.#radio(device).checked = true;
  }

  /** Says how long the photo took on each device that has segmented it. */
  draw(photo: Photo | null): void {
    const times = Array.from(
      photo?.times ?? [],
      ([device, milliseconds]) => `${seconds(milliseconds)} ${wordsFor(device)}`,
    );
    const text = times.length > 0 ? `Took ${times.join(', ')}.` : '';
    if (this.#times.textContent !== text) this.#times.textContent = text;
  }

  #radio(device: Device): HTMLInputElement {
    return element(`compute-${device}`, HTMLInputElement);
  }
}
