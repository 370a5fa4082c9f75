/** Pictures to take away: a photo with its regions, and one class cut out of it, in the size that is shown. */

import { Sentence } from '../package/src/sentence.ts';
import { type Drawing, paint } from './overlay.ts';
import { looksOf } from './palette.ts';
import type { Segmented } from './photo.ts';

/** What may lie over the photo. */
export const LAYERS = ['segmentation', 'confidence', 'class-map', 'similarity'] as const;

/** What lies over the photo. */
export type LayerName = (typeof LAYERS)[number];

/** What lies over the photo, and how. */
export interface View {
  readonly layer: LayerName;
  /** Strength of the overlay, 0 to 1. */
  readonly opacity: number;
  /** How regions are drawn. */
  readonly drawing: Drawing;
}

/** The photo with its regions as they are shown, a PNG. */
export async function overlayPicture({ shown, answer, rows }: Segmented, view: View): Promise<Blob> {
  const { width, height } = shown.bitmap;
  const [photo, context] = canvas(width, height);
  context.drawImage(shown.bitmap, 0, 0);
  const [regions, regionsContext] = canvas(width, height);
  regionsContext.putImageData(paint(answer, looksOf(rows), view.drawing), 0, 0);
  context.globalAlpha = view.opacity;
  context.drawImage(regions, 0, 0);
  return photo.convertToBlob({ type: 'image/png' });
}

/** The pixels of one class, a PNG that is transparent everywhere else. */
export async function cutOut({ shown, answer }: Segmented, label: number): Promise<Blob> {
  const { width, height } = shown.bitmap;
  const [picture, context] = canvas(width, height);
  context.drawImage(shown.bitmap, 0, 0);
  const pixels = context.getImageData(0, 0, width, height);
  answer.labels.forEach((each, at) => {
    if (each !== label) pixels.data[at * 4 + 3] = 0;
  });
  context.putImageData(pixels, 0, 0);
  return picture.convertToBlob({ type: 'image/png' });
}

function canvas(width: number, height: number): [OffscreenCanvas, OffscreenCanvasRenderingContext2D] {
  const made = new OffscreenCanvas(width, height);
  const context = made.getContext('2d');
  if (!context)
    throw new Sentence('This browser gave no canvas to draw the picture on. Close other tabs, then try again.');
  return [made, context];
}
