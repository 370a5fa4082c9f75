/** The model's files: missing, damaged, interrupted, cached, and a cache that refuses. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { colouredPixels, expect, openReady, segmented, test } from './fixtures.ts';
import { serve } from './serve.mjs';

const DIST = fileURLToPath(new URL('../dist', import.meta.url));
const manifest = JSON.parse(readFileSync(`${DIST}/model/manifest.json`, 'utf8'));
const weights: string = manifest.files[0].path;

test('a missing manifest and a damaged one are named, and trying again helps', async ({ page }) => {
  await page.route('**/model/manifest.json', (route) => route.fulfill({ status: 404, body: 'not found' }));
  await page.goto('./?device=cpu');
  await expect(page.locator('#problem')).toHaveText(/manifest is missing: the host answered 404/);
  await page.unroute('**/model/manifest.json');
  await page.route('**/model/manifest.json', (route) => route.fulfill({ body: '<!doctype html>' }));
  await page.getByRole('button', { name: 'Try again' }).click();
  await expect(page.locator('#problem')).toHaveText(/manifest is damaged: .* is not JSON/);
  await page.unroute('**/model/manifest.json');
  await page.getByRole('button', { name: 'Try again' }).click();
  await expect(page.locator('#status')).toContainText('Ready');
  await expect(page.locator('#problem')).toBeEmpty();
});

test('damaged weights are refused; a photo dropped meanwhile is not lost', async ({ page }) => {
  const damaged = readFileSync(`${DIST}/model/${weights}`);
  damaged[damaged.length >> 1] = (damaged[damaged.length >> 1] ?? 0) ^ 0xff;
  await page.route(`**/model/${weights}`, (route) => route.fulfill({ body: damaged }));
  await page.goto('./?device=cpu');
  await expect(page.locator('#problem')).toHaveText(/is damaged: its SHA-256 differs/);
  await page.unroute(`**/model/${weights}`);
  // Choosing a photo tries again by itself.
  await page.getByRole('button', { name: 'Cat' }).click();
  await segmented(page, 'cat.jpg');
  expect(await colouredPixels(page)).toBeGreaterThan(0);
});

test('an interrupted download says so and can be tried again', async ({ page }) => {
  const host = await serve(DIST, 0, { cutOnce: weights });
  try {
    await page.goto(`${host.url}?device=cpu`);
    await expect(page.locator('#status')).toHaveText(/Downloading engine and model: [\d.]+ MB of [\d.]+ MB/);
    await expect(page.locator('#progress')).toHaveAttribute('value', /^0\.\d+/);
    await expect(page.locator('#problem')).toHaveText(/download of the model was interrupted after .* MB/);
    await page.getByRole('button', { name: 'Try again' }).click();
    await expect(page.locator('#status')).toContainText('Ready');
  } finally {
    host.close();
  }
});

test('a second visit takes the weights from the cache; a damaged entry is replaced', async ({ page }) => {
  const asked: string[] = [];
  page.on('request', (request) => asked.push(new URL(request.url()).pathname));
  const downloads = () => asked.filter((path) => path.endsWith(weights)).length;
  await openReady(page, './?device=cpu');
  expect(downloads()).toBe(1);
  await openReady(page, './?device=cpu');
  expect(downloads()).toBe(1);
  await page.evaluate(async () => {
    for (const name of await caches.keys()) {
      const cache = await caches.open(name);
      for (const entry of await cache.keys()) await cache.put(entry, new Response('something else'));
    }
  });
  await openReady(page, './?device=cpu');
  expect(downloads()).toBe(2);
});
