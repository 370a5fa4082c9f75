/** A photo goes in; regions, names and files come out. */
import {
  colouredPixels,
  expect,
  file,
  legendNames,
  openReady,
  photoSize,
  sample,
  segment,
  segmented,
  test,
} from './fixtures.ts';
import { withOrientation } from './pictures.ts';

test('the sample cat is a cat, and the legend answers questions about it', async ({ page }) => {
  await openReady(page);
  await page.getByRole('button', { name: 'Cat' }).click();
  await segmented(page, 'cat.jpg');
  expect((await legendNames(page))[0]).toBe('cat');
  const coloured = await colouredPixels(page);
  expect(coloured).toBeGreaterThan(0.1 * 451 * 300);
  await expect(page.locator('#photo')).toHaveAccessibleName(/^Photo with cat \d+ %/);
  await expect(page.locator('#device')).toHaveText('CPU');
  await expect(page.locator('#device-note')).toContainText('WebGPU');

  // Off and on again, by keyboard: the same regions.
  const cat = page.locator('#legend').getByRole('button', { name: 'cat' });
  await cat.focus();
  await page.keyboard.press('Space');
  await expect(cat).toHaveAttribute('aria-pressed', 'false');
  await expect.poll(() => colouredPixels(page)).toBeLessThan(coloured);
  await expect(cat).toBeFocused();
  await page.keyboard.press('Space');
  await expect.poll(() => colouredPixels(page)).toBe(coloured);

  // A class that was not found may be asked for.
  await page.getByText('Look for something else').click();
  await page.locator('#others').getByRole('button', { name: 'dog' }).click();
  await expect(page.locator('#legend').getByRole('button', { name: 'dog' })).toHaveAttribute('aria-pressed', 'true');

  // The probe reads a point by keyboard and by pointer.
  await page.locator('#frame').focus();
  await page.keyboard.press('ArrowDown');
  await expect(page.locator('#readout')).toHaveText(/\w+, (< )?\d+ % sure/);
  await expect(page.locator('#probe')).toBeVisible();
  await page.locator('#frame').hover({ position: { x: 5, y: 5 } });
  await expect(page.locator('#probe')).toBeHidden();
  await expect(page.locator('#readout')).toHaveText(/\w+, (< )?\d+ % sure/);

  await page.getByLabel('Overlay', { exact: false }).first().fill('25');
  await expect(page.locator('#overlay')).toHaveCSS('opacity', '0.25');
});

test('a photo may be dropped or pasted, and comes upright', async ({ page }) => {
  await openReady(page, './?device=cpu');
  const rotated = withOrientation(sample('cat.jpg'), 6).toString('base64');
  for (const way of ['drop', 'paste'] as const) {
    await page.evaluate(
      ([kind, base64]) => {
        const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
        const data = new DataTransfer();
        data.items.add(new File([bytes], `${kind}.jpg`, { type: 'image/jpeg' }));
        const event =
          kind === 'drop'
            ? new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true })
            : new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true });
        document.body.dispatchEvent(event);
      },
      [way, rotated] as const,
    );
    await segmented(page, `${way}.jpg`);
    expect(await photoSize(page)).toEqual([300, 451]);
    expect(await colouredPixels(page)).toBeGreaterThan(0);
  }
});

test('@screenshot the page with a segmented photo', async ({ page }) => {
  const path = process.env.DALNET_SCREENSHOT ?? '';
  test.skip(!path, 'set DALNET_SCREENSHOT to the file to write; `npm run screenshot` does');
  await page.setViewportSize({ width: 1080, height: 860 });
  await openReady(page, './?device=cpu');
  await segment(page, file('cat.jpg', sample('cat.jpg')));
  await page.waitForTimeout(1000);
  await page.screenshot({ path, fullPage: true });
});
