import { downloadZip } from 'client-zip';
import { cocoOf, type Labelled } from './coco.ts';
import { stems } from './file-name.ts';
import { resized } from './label-map.ts';
import { paint } from './overlay.ts';
import { looksOf } from './palette.ts';
import type { Segmented } from './photo.ts';
import { encodeMask } from './png.ts';
import { cutOut, overlayPicture, type View } from './render.ts';

/** The mask in the size of the photo's file, a palette PNG. */
export function maskOf({ shown, answer }: Segmented): Promise<Blob> {
  return encodeMask(resized(answer, shown.sourceWidth, shown.sourceHeight));
}

/** Labels (1..) that cover at least one pixel. */
export function labelsIn({ answer }: Segmented): number[] {
  return answer.classes.filter(({ share }) => share > 0).map(({ index }) => index);
}

/**
 * Everything about `photos` in one zip: `masks`, `overlays`, `cut-outs` of every class, and `annotations.json` as COCO
 * has it. `classes` are the model's.
 */
export function archiveOf(photos: readonly Segmented[], classes: readonly string[], view: View): Promise<Blob> {
  return downloadZip(entries(photos, classes, view)).blob();
}

async function* entries(photos: readonly Segmented[], classes: readonly string[], view: View) {
  const names = stems(photos.map(({ name }) => name));
  const labelled: Labelled[] = [];
  for (const [index, photo] of photos.entries()) {
    // Removed while the photos before it were packed.
    if (photo.shown.bitmap.width === 0) continue;
    const name = names[index] ?? '';
    const map = resized(photo.answer, photo.shown.sourceWidth, photo.shown.sourceHeight);
    labelled.push({ name: photo.name, map });
    yield { name: `masks/${name}.png`, input: await encodeMask(map) };
    const regions = paint(photo.answer, looksOf(photo.rows), view.drawing);
    const overlay = await overlayPicture(photo.shown, regions, { layer: 'segmentation', opacity: view.opacity });
    yield { name: `overlays/${name}.png`, input: overlay };
    for (const label of labelsIn(photo)) {
      yield { name: `cut-outs/${name}-${classes[label - 1]}.png`, input: await cutOut(photo, label) };
    }
  }
  yield { name: 'annotations.json', input: JSON.stringify(cocoOf(labelled, classes)) };
}
