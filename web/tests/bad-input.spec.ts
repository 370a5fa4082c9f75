/** Odd pictures give the right result, impossible ones a sentence; the page stays usable in between. */
import { expect, file, openReady, photoSize, sample, segment, test } from './fixtures.ts';
import { png, withOrientation } from './pictures.ts';

test('every bad picture gets its sentence and the next good one works', async ({ page }) => {
  await openReady(page, './?device=cpu');
  const problem = page.locator('#problem');
  const cat = sample('cat.jpg');
  const cases = [
    { picked: file('notes.jpg', Buffer.from('milk, eggs, bread')), says: /“notes.jpg” is not a picture/ },
    { picked: file('empty.jpg', Buffer.alloc(0)), says: /“empty.jpg” is empty/ },
    { picked: file('half.jpg', cat.subarray(0, cat.length / 2)), says: /“half.jpg” is cut short/ },
    {
      picked: file('half-turned.jpg', withOrientation(cat, 6).subarray(0, cat.length - 20)),
      says: /“half-turned.jpg” is cut short/,
    },
    {
      picked: file('half.png', png(64, 64, { bits: 8, channels: 3 }, () => 0.5).subarray(0, 100), 'image/png'),
      says: /“half.png” is cut short/,
    },
    {
      picked: file(
        'dot.png',
        png(1, 1, { bits: 8, channels: 3 }, () => 0.5),
        'image/png',
      ),
      says: /“dot.png” has only 1 × 1 pixels/,
    },
    {
      picked: file('broken.jpg', Buffer.from([0xff, 0xd8, 0xff, 0xd9])),
      says: /“broken.jpg” is damaged/,
    },
  ];
  for (const { picked, says } of cases) {
    await page.setInputFiles('#picker', picked);
    await expect(problem, picked.name).toHaveText(says);
    await expect(page.locator('#retry')).toBeHidden();
  }
  await segment(page, file('cat.jpg', cat));
  await expect(problem).toBeEmpty();
});

test('transparent, 16-bit and very large pictures are segmented', async ({ page }) => {
  await openReady(page, './?device=cpu');
  const wave = (sample: number, y: number) => 0.5 + 0.5 * Math.sin(sample / 40) * Math.cos(y / 30);
  await segment(page, file('alpha.png', png(200, 120, { bits: 8, channels: 4 }, wave), 'image/png'));
  expect(await photoSize(page)).toEqual([200, 120]);
  await segment(page, file('deep.png', png(120, 200, { bits: 16, channels: 3 }, wave), 'image/png'));
  expect(await photoSize(page)).toEqual([120, 200]);

  // 108 megapixels: segmented, or a sentence where the memory does not suffice.
  await page.setInputFiles(
    '#picker',
    file(
      'huge.png',
      png(12_000, 9_000, { bits: 8, channels: 1 }, () => 0.4),
      'image/png',
    ),
  );
  const done = page.locator('#stage[data-photo="huge.png"][data-state="segmented"]');
  const refused = page.locator('#problem').filter({ hasText: '“huge.png”' });
  await expect(done.or(refused)).toBeVisible();
  if (await done.isVisible()) expect(await photoSize(page)).toEqual([1024, 768]);
  await segment(page, file('cat.jpg', sample('cat.jpg')));
});
