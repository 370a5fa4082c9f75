/** The visitor stops work and downloads, and goes on with them. */
import { fileURLToPath } from 'node:url';
import AxeBuilder from '@axe-core/playwright';
import { expect, file, openReady, sample, segmented, test } from './fixtures.ts';
import { serve } from './serve.mjs';

const DIST = fileURLToPath(new URL('../dist', import.meta.url));

test('the queue stops at once, waits, and goes on where it was', async ({ page }) => {
  await openReady(page, './?device=cpu');
  const [stop, goOn] = ['Stop', 'Go on'].map((name) => page.getByRole('button', { name, exact: true }));
  if (!stop || !goOn) throw new Error('no buttons');
  await expect(stop).toBeHidden();
  await page.setInputFiles(
    '#picker',
    ['cat.jpg', 'astronaut.jpg'].map((name) => file(name, sample(name))),
  );
  const states = page.locator('#strip .film-state');
  await expect(states).toHaveText(['running', 'waiting']);
  await stop.click();
  await expect(states).toHaveText(['waiting', 'waiting']);
  await expect(page.locator('#status')).toHaveText('Stopped. 2 photos wait.');
  expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([]);
  // An answer that is still on its way would come now.
  await page.waitForTimeout(3000);
  await expect(states).toHaveText(['waiting', 'waiting']);
  await goOn.click();
  await expect(states).toHaveText(['done', 'done']);
  await segmented(page, 'cat.jpg');
  await expect(stop).toBeHidden();
  await expect(page.locator('#problem')).toBeEmpty();
});

test('a download stops, and a photo that comes later starts it again', async ({ page }) => {
  const host = await serve(DIST, 0, { cutOnce: '.wasm' });
  try {
    await page.goto(`${host.url}?device=cpu`);
    await expect(page.locator('#status')).toHaveText(/Downloading engine and model/);
    await page.getByRole('button', { name: 'Stop', exact: true }).click();
    await expect(page.locator('#status')).toHaveText('Stopped.');
    await page.getByRole('button', { name: 'Cat' }).click();
    await segmented(page, 'cat.jpg');
    await expect(page.locator('#problem')).toBeEmpty();
  } finally {
    host.close();
  }
});
