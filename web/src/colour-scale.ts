/** Colours for numbers from 0 to 1: each scale grows steadily lighter, so its order is seen by every eye and in print. */

import { css, packed, type Rgb } from './palette.ts';

/** Colours at equal distances, the lowest number first; in between they are mixed. */
export type Stops = readonly Rgb[];

/** Viridis at every eighth of its range (van der Walt and Smith, matplotlib 1.5, CC0). */
export const VIRIDIS: Stops = [
  [68, 1, 84],
  [71, 44, 122],
  [59, 81, 139],
  [44, 113, 142],
  [33, 144, 141],
  [39, 173, 129],
  [92, 200, 99],
  [170, 220, 50],
  [253, 231, 37],
];

/** From grey to a bright yellow. */
export const BRIGHTNESS: Stops = [
  [52, 52, 56],
  [134, 128, 118],
  [255, 238, 150],
];

/** The scale as CSS draws it, from left to right. */
export function gradient(stops: Stops): string {
  return `linear-gradient(90deg, ${stops.map(css).join(', ')})`;
}

/** Draws numbers, row by row, 0 to 255. */
export function colour(values: ArrayLike<number>, width: number, height: number, stops: Stops): ImageData {
  const table = Uint32Array.from({ length: 256 }, (_, value) => packed(mixed(stops, value / 255), 255));
  const image = new ImageData(width, height);
  const pixels = new DataView(image.data.buffer);
  for (let at = 0; at < width * height; at++) pixels.setUint32(at * 4, table[values[at] ?? 0] ?? 0);
  return image;
}

function mixed(stops: Stops, part: number): Rgb {
  const place = part * (stops.length - 1);
  const below = Math.min(stops.length - 2, Math.floor(place));
  const channel = (index: 0 | 1 | 2) => {
    const low = stops[below]?.[index] ?? 0;
    return Math.round(low + ((stops[below + 1]?.[index] ?? low) - low) * (place - below));
  };
  return [channel(0), channel(1), channel(2)];
}
