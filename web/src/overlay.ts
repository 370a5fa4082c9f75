import type { LabelMap } from './label-map.ts';
import { isStrong, type Looks, packed } from './palette.ts';

const FILL_STRONG = 215;
const FILL_WEAK = 105;

/** Whether regions are filled or drawn as lines along their edge. */
export type Drawing = 'fill' | 'outline';

/** Paints the regions in their `looks`, with a white rim; background and labels without a look stay transparent. */
export function paint({ width, height, labels }: LabelMap, looks: Looks, drawing: Drawing): ImageData {
  const image = new ImageData(width, height);
  const pixels = new DataView(image.data.buffer);
  const long = Math.max(width, height);
  const period = Math.max(6, Math.round(long / 48));
  const rim = Math.max(1, Math.round(long / 420));
  const line = rim * 4;
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at++) {
      const label = labels[at] ?? 0;
      const look = looks.get(label);
      if (!look) continue;
      const isWithin = (reach: number) =>
        (x >= reach && labels[at - reach] !== label) ||
        (x + reach < width && labels[at + reach] !== label) ||
        (y >= reach && labels[at - reach * width] !== label) ||
        (y + reach < height && labels[at + reach * width] !== label);
      if (isWithin(rim)) {
        pixels.setUint32(at * 4, 0xffffffff);
        continue;
      }
      if (drawing === 'outline' && !isWithin(line)) continue;
      const isOpaque = drawing === 'outline' || isStrong(look.filling, x, y, period);
      const alpha = isOpaque ? FILL_STRONG : FILL_WEAK;
      pixels.setUint32(at * 4, packed(look.rgb, alpha));
    }
  }
  return image;
}

/** Where a name stands best. */
export interface Anchor {
  readonly label: number;
  /** Centre, 0 to 1 of the picture's width and height. */
  readonly x: number;
  readonly y: number;
  /** Side of the square around it that holds this label alone, 0 to 1 of the picture's longer side. */
  readonly size: number;
}

/** The centre of the largest square inside each class's regions, by dynamic programming over its lower right corner. */
export function anchors({ width, height, labels }: LabelMap): Anchor[] {
  const best = new Map<number, { side: number; x: number; y: number }>();
  let above = new Uint16Array(width);
  let row = new Uint16Array(width);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at++) {
      const label = labels[at] ?? 0;
      const grows =
        x > 0 && y > 0 && labels[at - 1] === label && labels[at - width] === label && labels[at - width - 1] === label;
      const side = grows ? Math.min(row[x - 1] ?? 0, above[x] ?? 0, above[x - 1] ?? 0) + 1 : 1;
      row[x] = side;
      if (label > 0 && side > (best.get(label)?.side ?? 0)) best.set(label, { side, x, y });
    }
    [above, row] = [row, above];
  }
  const long = Math.max(width, height);
  return Array.from(best, ([label, { side, x, y }]) => ({
    label,
    x: (x + 1 - side / 2) / width,
    y: (y + 1 - side / 2) / height,
    size: side / long,
  }));
}
