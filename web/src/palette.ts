/**
 * Colours of the classes. Twenty hues that a colour-blind eye tells apart do not exist; seven do (Okabe and Ito,
 * "Color Universal Design", 2008). So a class has a hue for good, and where two classes of one photo share a hue,
 * their fillings differ.
 */

/** How a region is filled. */
export type Filling = 'solid' | 'stripes' | 'dots';

/** Red, green and blue, 0 to 255. */
export type Rgb = readonly [number, number, number];

/** Look of one class in one photo. */
export interface Look {
  readonly rgb: Rgb;
  readonly filling: Filling;
}

/** The looks of a photo's classes by label. */
export type Looks = ReadonlyMap<number, Look>;

const HUES: readonly Rgb[] = [
  [213, 94, 0],
  [86, 180, 233],
  [230, 159, 0],
  [0, 158, 115],
  [204, 121, 167],
  [0, 114, 178],
  [240, 228, 66],
];
const FILLINGS: readonly Filling[] = ['solid', 'stripes', 'dots'];

/** Looks for `labels` (1..), the most important first: the first of a hue is solid. */
export function looksOf(labels: readonly number[]): Looks {
  const taken = new Map<number, number>();
  return new Map(
    labels.map((label) => {
      const hue = hueOf(label);
      const turn = taken.get(hue) ?? 0;
      taken.set(hue, turn + 1);
      return [label, { rgb: HUES[hue] ?? [128, 128, 128], filling: FILLINGS[turn % FILLINGS.length] ?? 'solid' }];
    }),
  );
}

/** A colour as CSS writes it. */
export function css(rgb: Rgb): string {
  return `rgb(${rgb.join(' ')})`;
}

/** A colour as four bytes of a picture, red first; `alpha` 0 to 255. */
export function packed([red, green, blue]: Rgb, alpha: number): number {
  return ((red << 24) | (green << 16) | (blue << 8) | alpha) >>> 0;
}

/** Each row of seven classes is turned by two hues, so that frequent companions of VOC differ. */
function hueOf(label: number): number {
  const index = label - 1;
  return (index + 2 * Math.floor(index / HUES.length)) % HUES.length;
}

/** Whether the filling is strong at a point of the picture; `period` is the width of a stripe and its gap. */
export function isStrong(filling: Filling, x: number, y: number, period: number): boolean {
  switch (filling) {
    case 'solid':
      return true;
    case 'stripes':
      return (x + y) % period < period / 2;
    case 'dots': {
      const dx = (x % period) - period / 2;
      const dy = (y % period) - period / 2;
      return dx * dx + dy * dy < (period * period) / 9;
    }
  }
}

const WORDS: Readonly<Record<string, string>> = {
  diningtable: 'dining table',
  pottedplant: 'potted plant',
  tvmonitor: 'TV monitor',
};

/** A class name as people write it: VOC runs some words together. */
export function readable(name: string): string {
  return WORDS[name] ?? name.replaceAll('_', ' ');
}

/** The name of a label (1..) as people write it; `names` are the model's classes. */
export function nameOf(names: readonly string[], label: number): string {
  return readable(names[label - 1] ?? `class ${label}`);
}

/** A part of one as a percentage; what is there but rounds to nothing says so. */
export function percent(part: number): string {
  const rounded = Math.round(part * 100);
  return rounded === 0 && part > 0 ? '< 1 %' : `${rounded} %`;
}
