/**
 * Colours of the classes. Twenty hues that a colour-blind eye tells apart do not exist; seven do (Okabe and Ito,
 * "Color Universal Design", 2008). So a class has one of seven hues and one of three fillings: 21 distinct looks.
 */

/** How a region is filled. */
export type Filling = 'solid' | 'stripes' | 'dots';

/** Look of one class. */
export interface Look {
  /** Red, green and blue, 0 to 255. */
  readonly rgb: readonly [number, number, number];
  readonly filling: Filling;
}

const HUES: readonly Look['rgb'][] = [
  [213, 94, 0],
  [86, 180, 233],
  [230, 159, 0],
  [0, 158, 115],
  [204, 121, 167],
  [0, 114, 178],
  [240, 228, 66],
];
const FILLINGS: readonly Filling[] = ['solid', 'stripes', 'dots'];

/** Look of the class with `label` 1.. ; each row of seven is turned by two, so that frequent companions differ. */
export function look(label: number): Look {
  const index = label - 1;
  const row = Math.floor(index / HUES.length);
  const rgb = HUES[(index + 2 * row) % HUES.length] ?? [128, 128, 128];
  return { rgb, filling: FILLINGS[row % FILLINGS.length] ?? 'solid' };
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

/** A part of one as a percentage; what is there but rounds to nothing says so. */
export function percent(part: number): string {
  const rounded = Math.round(part * 100);
  return rounded === 0 && part > 0 ? '< 1 %' : `${rounded} %`;
}
