import type { MapName } from '../package/src/index.ts';
import { element, make } from './dom.ts';
import type { Wish } from './photo.ts';

/** What visitors read for each map. */
const TITLES: Readonly<Record<MapName, string>> = {
  cam: 'CAM',
  auxiliary_cam: 'Auxiliary CAM',
  segmentation: 'Segmentation head',
  fused: 'CAM and head',
};

/** The choice of the map that labels the pixels, and whether it follows the picture's edges. */
export class WishControls {
  readonly #map = element('map', HTMLSelectElement);
  readonly #edges = element('edges', HTMLInputElement);

  /** `onWish` hears what the visitor wants. */
  constructor(onWish: (changed: Partial<Wish>) => void) {
    this.#map.addEventListener('change', () => onWish({ map: this.#map.value as MapName }));
    this.#edges.addEventListener('change', () => onWish({ refine: this.#edges.checked }));
  }

  /** Offers the maps of the model, which decides at first, and shows what is wished for. */
  enable(maps: readonly MapName[], { map, refine }: Wish): void {
    const options = maps.map((name) => {
      const option = make('option', '', TITLES[name]);
      option.value = name;
      return option;
    });
    this.#map.replaceChildren(...options);
    this.#map.value = map ?? '';
    this.#map.disabled = false;
    this.#edges.checked = refine ?? false;
    this.#edges.disabled = false;
  }
}
