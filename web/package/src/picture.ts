import { isWhole } from './picture-file.ts';
import { Sentence } from './sentence.ts';
import type { PictureSource } from './types.ts';

/** Longer side, in pixels, of what is shown and segmented; the model itself sees less. */
const LONG_SIDE = 1024;

/** Below one patch of the model there is nothing to see. */
const SHORT_SIDE = 16;

/** A decoded photo, upright and scaled to a longer side of at most 1,024 pixels. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  /** Row by row, 4 bytes a pixel, opaque. */
  readonly rgba: Uint8Array;
  /** The same pixels for drawing. */
  readonly bitmap: ImageBitmap;
  readonly sourceWidth: number;
  readonly sourceHeight: number;
}

/**
 * Decodes a visitor's file with the browser's own decoders; bitmaps, as of a camera's frames, are closed.
 * @throws Sentence when it is no picture, cut short, too small, or more than this browser can hold.
 */
export async function openPicture(source: PictureSource, name: string): Promise<Picture> {
  const bitmap = await bitmapOf(source, name);
  try {
    return scaled(bitmap, name);
  } finally {
    bitmap.close();
  }
}

async function bitmapOf(source: PictureSource, name: string): Promise<ImageBitmap> {
  if (source instanceof Blob) return openFile(source, name);
  return source instanceof ImageBitmap ? source : createImageBitmap(source, { premultiplyAlpha: 'none' });
}

async function openFile(file: Blob, name: string): Promise<ImageBitmap> {
  if (file.size === 0) throw new Sentence(`“${name}” is empty. Choose another file.`);
  const whole = isWhole(new Uint8Array(await file.arrayBuffer()));
  if (whole === false) {
    throw new Sentence(`“${name}” is cut short: the end of the picture is missing. Copy or download it again.`);
  }
  return decode(file, name, whole === null);
}

async function decode(file: Blob, name: string, unknownKind: boolean): Promise<ImageBitmap> {
  try {
    return await createImageBitmap(file, { imageOrientation: 'from-image', premultiplyAlpha: 'none' });
  } catch {
    throw new Sentence(
      unknownKind
        ? `“${name}” is not a picture that this browser can open. JPEG, PNG, WebP, AVIF and GIF work.`
        : `“${name}” is damaged, or too large for this browser’s memory. Choose another picture, or a smaller copy.`,
    );
  }
}

function scaled(source: ImageBitmap, name: string): Picture {
  const { width: sourceWidth, height: sourceHeight } = source;
  if (Math.min(sourceWidth, sourceHeight) < SHORT_SIDE) {
    const size = `${sourceWidth} × ${sourceHeight}`;
    throw new Sentence(
      `“${name}” has only ${size} pixels. Choose a picture of at least ${SHORT_SIDE} × ${SHORT_SIDE}.`,
    );
  }
  const scale = Math.min(1, LONG_SIDE / Math.max(sourceWidth, sourceHeight));
  const width = Math.max(1, Math.round(sourceWidth * scale));
  const height = Math.max(1, Math.round(sourceHeight * scale));
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  if (!context)
    throw new Sentence('This browser gave no canvas to scale the picture on. Close other tabs, then try again.');
  // Where the picture is transparent the model must see neither black nor white, both of which look like things.
  context.fillStyle = 'rgb(127 127 127)';
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = 'high';
  context.drawImage(source, 0, 0, width, height);
  const { data } = context.getImageData(0, 0, width, height);
  const rgba = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return { width, height, rgba, bitmap: canvas.transferToImageBitmap(), sourceWidth, sourceHeight };
}
