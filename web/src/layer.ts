/** What may lie over the photo: its regions, or numbers of the same answer as colours. */

import type { Heat, Result, Segmentation, Similarity } from '../package/src/index.ts';
import { BRIGHTNESS, colour, type Stops, VIRIDIS } from './colour-scale.ts';
import { paint } from './overlay.ts';
import { type Looks, nameOf, percent, readable } from './palette.ts';
import type { View } from './render.ts';

/** What the colours of numbers mean. */
export interface Scale {
  readonly title: string;
  readonly low: string;
  readonly high: string;
  readonly stops: Stops;
}

/** One picture over the photo. */
export interface Layer {
  /** Stretched over the photo, pixel by pixel; `null` until the engine has answered that. */
  readonly image: ImageData | null;
  /** `null` where the legend says what the colours mean. */
  readonly scale: Scale | null;
  /** What is known of a point; both numbers 0 to 1, from the upper left corner. */
  read(x: number, y: number): string;
}

/** What a layer needs besides the answer. */
export interface Context {
  readonly view: View;
  readonly looks: Looks;
  /** Names of the model's classes. */
  readonly names: readonly string[];
  /** Label of the class that is looked at; `null` when the photo has none. */
  readonly label: number | null;
}

/** The layer that the view wants. */
export function layerOf(result: Result, context: Context): Layer {
  const { view, looks, names, label } = context;
  const { similarity } = result;
  switch (view.layer) {
    case 'segmentation':
      return { ...regions(result, names), image: paint(result, looks, view.drawing), scale: null };
    case 'confidence': {
      const { confidence, width, height } = result;
      const scale = { title: 'How sure', low: '0 %', high: '100 %', stops: BRIGHTNESS };
      return { ...regions(result, names), image: colour(confidence, width, height, BRIGHTNESS), scale };
    }
    case 'class-map':
      return classMap(label === null ? null : nameOf(names, label), result.heats.get(label ?? 0));
    case 'similarity':
      if (!similarity) return { ...NOTHING, scale: { ...ZERO_TO_ONE, title: 'This model was trained without texts' } };
      return nearness(similarity, label, names);
  }
}

const NOTHING: Layer = { image: null, scale: null, read: () => '' };
const NO_CLASS = 'No class';
const ZERO_TO_ONE = { low: '0', high: '1', stops: VIRIDIS };

function regions({ width, height, labels, confidence }: Segmentation, names: readonly string[]): Pick<Layer, 'read'> {
  return {
    read(x, y) {
      const at = placeIn(width, height, x, y);
      const label = labels[at] ?? 0;
      return `${label === 0 ? 'background' : nameOf(names, label)}, ${percent((confidence[at] ?? 0) / 255)} sure`;
    },
  };
}

function classMap(name: string | null, heat: Heat | undefined): Layer {
  if (name === null) return { ...NOTHING, scale: { ...ZERO_TO_ONE, title: NO_CLASS } };
  const scale = { ...ZERO_TO_ONE, title: name };
  if (!heat) return { ...NOTHING, scale };
  const { width, height, values } = heat;
  return {
    image: colour(values, width, height, VIRIDIS),
    scale,
    read: (x, y) => `${name} ${decimal((values[placeIn(width, height, x, y)] ?? 0) / 255)}`,
  };
}

/** One pixel for each patch; the scale spans the cosines of all texts, so that classes can be compared. */
function nearness(
  { rows, columns, names: texts, values }: Similarity,
  label: number | null,
  names: readonly string[],
): Layer {
  const area = rows * columns;
  const low = values.reduce((one, other) => Math.min(one, other));
  const high = values.reduce((one, other) => Math.max(one, other));
  const byte = (value: number) => Math.round((255 * (value - low)) / Math.max(high - low, Number.EPSILON));
  const imageOf = (text: number) =>
    colour(Array.from(values.subarray(text * area, (text + 1) * area), byte), columns, rows, VIRIDIS);
  return {
    image: label === null ? null : imageOf(label - 1),
    scale: {
      title: label === null ? NO_CLASS : `“${nameOf(names, label)}”, cosine`,
      low: decimal(low),
      high: decimal(high),
      stops: VIRIDIS,
    },
    read(x, y) {
      const at = placeIn(columns, rows, x, y);
      const cosines = texts.map((text, index) => ({ text: readable(text), cosine: values[index * area + at] ?? 0 }));
      const nearest = cosines.sort((one, other) => other.cosine - one.cosine).slice(0, 3);
      return nearest.map(({ text, cosine }) => `${text} ${decimal(cosine)}`).join(', ');
    },
  };
}

/** Place of a point in a list that goes row by row. */
function placeIn(width: number, height: number, x: number, y: number): number {
  const within = (part: number, size: number) => Math.min(size - 1, Math.max(0, Math.floor(part * size)));
  return within(y, height) * width + within(x, width);
}

function decimal(value: number): string {
  return value.toFixed(2).replace('-', '−');
}
