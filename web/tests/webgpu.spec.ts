/** The page on WebGPU, with Chromium's software adapter. */
import { colouredPixels, expect, legendNames, openReady, segmented, test } from './fixtures.ts';

test('the sample cat is a cat on WebGPU', async ({ page }) => {
  await openReady(page);
  await expect(page.locator('#device')).toContainText('WebGPU');
  await page.getByRole('button', { name: 'Cat' }).click();
  await segmented(page, 'cat.jpg');
  await expect(page.locator('#device')).toContainText('WebGPU');
  await expect(page.locator('#problem')).toBeEmpty();
  expect((await legendNames(page))[0]).toBe('cat');
  expect(await colouredPixels(page)).toBeGreaterThan(0);
});
