import { encodeMask } from './png.ts';
import type { Stage } from './stage.ts';

/** Saves the mask as a palette PNG whose pixel values are the labels. */
export async function saveMask(stage: Stage, photoName: string): Promise<void> {
  if (!stage.segmentation) return;
  download(await encodeMask(stage.segmentation), `${stem(photoName)}-mask.png`);
}

/** Saves the photo with its regions as they are shown. */
export async function saveOverlay(stage: Stage, photoName: string): Promise<void> {
  const canvas = new OffscreenCanvas(stage.photo.width, stage.photo.height);
  const context = canvas.getContext('2d');
  if (!context) return;
  context.drawImage(stage.photo, 0, 0);
  context.globalAlpha = stage.opacity;
  context.drawImage(stage.overlay, 0, 0, canvas.width, canvas.height);
  download(await canvas.convertToBlob({ type: 'image/png' }), `${stem(photoName)}-overlay.png`);
}

function stem(name: string): string {
  return name.replace(/\.[^.]+$/, '') || 'photo';
}

function download(content: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  // The browser reads the address after the click returns.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
