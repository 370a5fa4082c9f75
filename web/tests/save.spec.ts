/** What leaves the page: every file is read back and compared with the labels, in the browser and out of it. */
import { cocoOf } from '../src/coco.ts';
import { stems } from '../src/file-name.ts';
import { resized } from '../src/label-map.ts';
import { expect, file, openReady, sample, segment, segmented, test } from './fixtures.ts';
import { labelsOf, type Pixels, pixels, saved, unzipped } from './saved.ts';

test('COCO run lengths go down the columns', () => {
  // Class 2 over the end of a column, class 1 in the last pixel.
  const labels = Uint8Array.from([0, 2, 0, 0, 2, 0, 2, 0, 1]);
  const { annotations, images, categories } = cocoOf(
    [{ name: 'a.jpg', map: { width: 3, height: 3, labels } }],
    ['cat', 'dog'],
  );
  expect(images).toEqual([{ id: 1, file_name: 'a.jpg', width: 3, height: 3 }]);
  expect(categories.map(({ id, name }) => [id, name])).toEqual([
    [1, 'cat'],
    [2, 'dog'],
  ]);
  expect(
    annotations.map(({ category_id, segmentation, area, bbox }) => [category_id, segmentation, area, bbox]),
  ).toEqual([
    [1, { size: [3, 3], counts: [8, 1] }, 1, [2, 2, 1, 1]],
    [2, { size: [3, 3], counts: [2, 3, 4] }, 3, [0, 0, 2, 3]],
  ]);
});

test('labels grow to the size of the file, and files of one name get different ones', () => {
  const labels = Uint8Array.from([1, 2, 3, 4]);
  expect([...resized({ width: 2, height: 2, labels }, 4, 3).labels]).toEqual([1, 1, 2, 2, 3, 3, 4, 4, 3, 3, 4, 4]);
  expect(stems(['a.jpg', 'A.png', 'x/..', 'a-2.gif', ''])).toEqual(['a', 'A-2', 'x_', 'a-2-2', 'photo']);
});

test('mask, overlay, cut-out, zip and clipboard hold what is shown', async ({ page, context }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await openReady(page, './?device=cpu');
  await expect(page.getByRole('button', { name: 'All photos as a zip' })).toBeDisabled();
  await segment(page, file('cat.jpg', sample('cat.jpg')));
  const [photo, overlay] = [await pixels(page, 'photo'), await pixels(page, 'overlay')];

  const savedMask = await saved(page, 'Save mask');
  expect(savedMask.name).toBe('cat-mask.png');
  const mask = labelsOf(savedMask.bytes);
  expect([mask.width, mask.height]).toEqual([451, 300]);
  const CAT = 8;
  expect(count(mask, CAT)).toBeGreaterThan(0.1 * 451 * 300);
  every(mask, (at, label) => label > 0 === (overlay.values[at * 4 + 3] ?? 0) > 0);

  const savedOverlay = await saved(page, 'Save overlay');
  expect(savedOverlay.name).toBe('cat-overlay.png');
  const blended = await pixels(page, savedOverlay.bytes);
  every(mask, (at) =>
    [0, 1, 2].every((channel) => {
      const strength = (0.6 * (overlay.values[at * 4 + 3] ?? 0)) / 255;
      const under = photo.values[at * 4 + channel] ?? 0;
      const wanted = under + strength * ((overlay.values[at * 4 + channel] ?? 0) - under);
      return Math.abs((blended.values[at * 4 + channel] ?? 0) - wanted) < 3;
    }),
  );

  // Other views are saved as they are shown, too, over a grey photo.
  for (const view of ['Class map', 'Similarity']) {
    await page.getByRole('combobox', { name: 'View' }).selectOption(view);
    await expect(page.locator('#scale')).toHaveText(/cat/);
    await expect.poll(async () => (await pixels(page, 'overlay')).width).toBe(view === 'Similarity' ? 22 : 451);
    const layer = await pixels(page, 'overlay');
    const picture = await pixels(page, (await saved(page, 'Save overlay')).bytes);
    // Away from the borders of patches, which fall between pixels.
    for (const [column, row] of [
      [40, 60],
      [225, 150],
      [400, 250],
    ] as const) {
      const [x, y] = [Math.floor((column * layer.width) / 451), Math.floor((row * layer.height) / 300)];
      const [under, over, result] = [
        colourAt(photo, column, row),
        colourAt(layer, x, y),
        colourAt(picture, column, row),
      ];
      const grey = 0.2126 * under[0] + 0.7152 * under[1] + 0.0722 * under[2];
      over.forEach((value, channel) => {
        expect(Math.abs((result[channel] ?? 0) - (grey + 0.6 * (value - grey))), view).toBeLessThan(3);
      });
    }
  }
  await page.getByRole('combobox', { name: 'View' }).selectOption('Segmentation');

  const savedCat = await saved(page, 'Save cut-out');
  expect(savedCat.name).toBe('cat-cat.png');
  const cat = await pixels(page, savedCat.bytes);
  every(mask, (at, label) => cat.values[at * 4 + 3] === (label === CAT ? 255 : 0));
  every(
    mask,
    (at, label) => label !== CAT || [0, 1, 2].every((c) => cat.values[at * 4 + c] === photo.values[at * 4 + c]),
  );

  // The clipboard holds the colours of the mask.
  await page.getByRole('button', { name: 'Copy mask' }).click();
  await expect(page.locator('#status')).toHaveText('The mask of cat.jpg is in the clipboard.');
  const copied = await page.evaluate(async () => {
    const [item] = await navigator.clipboard.read();
    const bytes = new Uint8Array((await (await item?.getType('image/png'))?.arrayBuffer()) ?? []);
    let text = '';
    for (const byte of bytes) text += String.fromCharCode(byte);
    return btoa(text);
  });
  const colours = await pixels(page, Buffer.from(copied, 'base64'));
  every(mask, (at, label) => label !== CAT || colours.values[at * 4] === 64);
  await page.evaluate(() => {
    navigator.clipboard.write = () => Promise.reject(new DOMException('no', 'NotAllowedError'));
  });
  await page.getByRole('button', { name: 'Copy overlay' }).click();
  await expect(page.locator('#problem')).toHaveText(/does not let the page write pictures to the clipboard. Save/);

  // A second photo of the same name, larger than what is shown.
  const large = await page.locator('#photo').evaluate((canvas: HTMLCanvasElement) => {
    const grown = document.createElement('canvas');
    [grown.width, grown.height] = [1353, 900];
    grown.getContext('2d')?.drawImage(canvas, 0, 0, 1353, 900);
    return grown.toDataURL('image/png').split(',')[1] ?? '';
  });
  await page.setInputFiles('#picker', file('Cat.png', Buffer.from(large, 'base64'), 'image/png'));
  await segmented(page, 'Cat.png');
  const archive = await saved(page, 'All photos as a zip');
  expect(archive.name).toBe('segmented.zip');
  const files = unzipped(archive.bytes);
  for (const name of ['overlays/cat.png', 'overlays/Cat-2.png', 'cut-outs/cat-cat.png', 'cut-outs/Cat-2-cat.png']) {
    expect([...files.keys()]).toContain(name);
  }
  expect(files.get('masks/cat.png')).toEqual(savedMask.bytes);
  expect(files.get('cut-outs/cat-cat.png')).toEqual(savedCat.bytes);
  const masks = [mask, labelsOf(files.get('masks/Cat-2.png') ?? Buffer.alloc(0))];
  expect([masks[1]?.width, masks[1]?.height]).toEqual([1353, 900]);
  const coco = JSON.parse(files.get('annotations.json')?.toString() ?? '') as ReturnType<typeof cocoOf>;
  expect(coco.images.map(({ file_name }) => file_name)).toEqual(['cat.jpg', 'Cat.png']);
  expect(coco.categories[CAT - 1]?.name).toBe('cat');
  for (const { image_id, category_id, segmentation, area, bbox } of coco.annotations) {
    const of = masks[image_id - 1] ?? mask;
    const region = decoded(segmentation, of);
    every(of, (at, label) => region[at] === Number(label === category_id));
    expect(area).toBe(count(of, category_id));
    expect(bbox).toEqual(boxOf(of, category_id));
  }
  const classes = masks.map(({ values }) => new Set(Array.from(values).filter(Boolean)).size);
  expect(coco.annotations.length).toBe(classes.reduce((sum, each) => sum + each, 0));
});

/** Fails at the first pixel that `holds` denies. */
function every({ values }: Pixels, holds: (at: number, label: number) => boolean): void {
  expect(Array.from(values).findIndex((label, at) => !holds(at, label))).toBe(-1);
}

function count({ values }: Pixels, label: number): number {
  return Array.from(values).filter((each) => each === label).length;
}

function decoded({ counts }: { counts: number[] }, { width, height }: Pixels): Uint8Array {
  const region = new Uint8Array(width * height);
  let at = 0;
  counts.forEach((length, turn) => {
    for (const end = at + length; at < end; at++) {
      region[(at % height) * width + Math.floor(at / height)] = turn % 2;
    }
  });
  expect(at, 'the run lengths cover the picture').toBe(width * height);
  return region;
}

function boxOf({ width, values }: Pixels, label: number): number[] {
  let [left, top, right, bottom] = [Infinity, Infinity, 0, 0];
  for (let at = 0; at < values.length; at++) {
    if (values[at] !== label) continue;
    [left, right] = [Math.min(left, at % width), Math.max(right, at % width)];
    [top, bottom] = [Math.min(top, Math.floor(at / width)), Math.max(bottom, Math.floor(at / width))];
  }
  return [left, top, right - left + 1, bottom - top + 1];
}

function colourAt({ width, values }: Pixels, x: number, y: number): [number, number, number] {
  const at = (y * width + x) * 4;
  return [values[at] ?? 0, values[at + 1] ?? 0, values[at + 2] ?? 0];
}
