/** The page on WebGPU, with Chromium's software adapter, and on the CPU beside it. */
import { colouredPixels, expect, legendNames, segmented, test } from './fixtures.ts';

test('the sample cat is a cat on the CPU and on WebGPU, and stays while the device changes', async ({ page }) => {
  await page.goto('./');
  const device = page.locator('#device');
  await expect(device, 'WebGPU is what the page takes by itself').toContainText('WebGPU');
  const [webgpu, cpu] = ['WebGPU', 'CPU'].map((name) => page.getByRole('radio', { name }));
  if (!webgpu || !cpu) throw new Error('no radios');
  await expect(webgpu).toBeChecked();
  await webgpu.press('ArrowRight');
  await expect(device).toHaveText('CPU');
  await page.getByRole('button', { name: 'Cat' }).click();
  await segmented(page, 'cat.jpg');
  await expect(page.locator('#times')).toHaveText(/^Took [\d.]+ m?s on the CPU\.$/);
  const onCpu = await colouredPixels(page);

  await cpu.press('ArrowLeft');
  await expect(device).toContainText('WebGPU');
  await segmented(page, 'cat.jpg');
  expect(await colouredPixels(page), 'the photo and its regions stay meanwhile').toBe(onCpu);
  await expect(page.locator('#times')).toHaveText(/^Took [\d.]+ m?s on the CPU, [\d.]+ m?s with WebGPU\.$/);
  await expect(device).toContainText('WebGPU');
  await expect(webgpu).toBeChecked();
  await expect(page.locator('#problem')).toBeEmpty();
  expect((await legendNames(page))[0]).toBe('cat');
  const onGpu = await colouredPixels(page);
  expect(Math.abs(onGpu - onCpu) / onCpu, 'the two devices agree').toBeLessThan(0.02);

  await webgpu.press('ArrowRight');
  await expect(page.locator('#status')).toHaveText(/^Photo with cat .* on the CPU\.$/);
  expect(await colouredPixels(page)).toBe(onCpu);
});
