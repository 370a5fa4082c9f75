/** Pictures to take away: a photo with what lies over it, and one class cut out of it, in the size that is shown. */

import type { DecodedPicture } from '../package/src/index.ts';
import { Sentence } from '../package/src/sentence.ts';
import type { Drawing } from './overlay.ts';
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

/** The photo with a layer over it as the page shows it, a PNG; `image` is stretched over the photo. */
export async function overlayPicture(
  { bitmap }: DecodedPicture,
  image: ImageData,
  { layer, opacity }: Pick<View, 'layer' | 'opacity'>,
): Promise<Blob> {
  const { width, height } = bitmap;
  const [picture, context] = canvas(width, height);
  context.drawImage(bitmap, 0, 0);
  if (layer !== 'segmentation') context.putImageData(grey(context.getImageData(0, 0, width, height)), 0, 0);
  const [over, overContext] = canvas(image.width, image.height);
  overContext.putImageData(image, 0, 0);
  context.globalAlpha = opacity;
  context.imageSmoothingEnabled = layer !== 'similarity';
  context.drawImage(over, 0, 0, width, height);
  return picture.convertToBlob({ type: 'image/png' });
}

/** The same picture without colours, as the style sheet's `grayscale(1)` shows it. */
function grey(picture: ImageData): ImageData {
  const { data } = picture;
  for (let at = 0; at < data.length; at += 4) {
    const [red = 0, green = 0, blue = 0] = data.subarray(at, at + 3);
    data.fill(Math.round(0.2126 * red + 0.7152 * green + 0.0722 * blue), at, at + 3);
  }
  return picture;
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
