/** How regions lie over the photo: filled or outlined, beside the photo as it is, single classes by number keys. */
import AxeBuilder from '@axe-core/playwright';
import type { Page } from '@playwright/test';
import { colouredPixels, expect, file, openReady, sample, segment, test } from './fixtures.ts';
import { pixels, saved } from './saved.ts';

test('regions are compared with the photo, by pointer and by keyboard', async ({ page }) => {
  await page.emulateMedia({ reducedMotion: 'reduce' });
  await openReady(page, './?device=cpu');
  await segment(page, file('cat.jpg', sample('cat.jpg')));
  for (const [width, colorScheme] of [
    [390, 'dark'],
    [1440, 'light'],
  ] as const) {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width, height: 860 });
    const slider = page.getByRole('slider', { name: 'Photo on the left' });
    await expect(slider).toBeHidden();
    await page.getByRole('button', { name: 'Compare with the photo' }).click();
    await slider.press('Home');
    for (let step = 0; step < 5; step++) await slider.press('PageUp');
    await expect(slider).toHaveAttribute('aria-valuenow', '50');
    const halved = await sides(page);
    await slider.press('Home');
    await expect(slider).toHaveAttribute('aria-valuetext', '0 % photo, 100 % regions');
    const regions = await sides(page);
    await slider.press('End');
    await expect(slider).toHaveAttribute('aria-valuetext', '100 % photo, 0 % regions');
    const bare = await sides(page);
    expect(regions.left.equals(bare.left) || regions.right.equals(bare.right), 'the cat is on both sides').toBe(false);
    expect(halved.left.equals(bare.left), 'left of the line the photo as it is').toBe(true);
    expect(halved.right.equals(regions.right), 'right of it the regions').toBe(true);
    expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);

    await page.evaluate(() => scrollTo(0, 0));
    const frame = await page.locator('#frame').boundingBox();
    if (!frame) throw new Error('no frame');
    const at = (part: number): [number, number] => [frame.x + frame.width * part, frame.y + frame.height / 2];
    await slider.press('PageDown');
    await page.mouse.move(...at(0.9));
    await page.mouse.down();
    await page.mouse.move(...at(0.3), { steps: 4 });
    await page.mouse.up();
    await expect(slider).toHaveAttribute('aria-valuenow', '30');
    expect((await sides(page)).right.equals(regions.right)).toBe(true);
    await page.mouse.move(...at(0.7));
    await expect(slider, 'the line stays where it was left').toHaveAttribute('aria-valuenow', '30');

    await expect(slider).toBeFocused();
    for (const key of ['ArrowRight', 'ArrowRight', 'ArrowLeft', 'Shift+ArrowUp']) await page.keyboard.press(key);
    await expect(slider).toHaveAttribute('aria-valuenow', '42');

    await page.getByRole('button', { name: 'Compare with the photo' }).click();
    await expect(slider).toBeHidden();
  }
});

test('regions are outlined, on the page and in the saved overlay', async ({ page }) => {
  await openReady(page, './?device=cpu');
  await segment(page, file('cat.jpg', sample('cat.jpg')));
  const filled = await pixels(page, 'overlay');
  const savedFilled = await saved(page, 'Save overlay');
  await page.getByRole('radio', { name: 'Outlined' }).check({ force: true });
  const outlined = await pixels(page, 'overlay');
  const alpha = ({ values }: typeof filled) => Array.from(values).filter((_, at) => at % 4 === 3 && values[at]);
  expect(alpha(outlined).length).toBeGreaterThan(0);
  expect(alpha(outlined).length).toBeLessThan(alpha(filled).length / 2);
  // Lines lie on what was filled, never beside it.
  const beside = Array.from(outlined.values).findIndex((value, at) => at % 4 === 3 && value && !filled.values[at]);
  expect(beside).toBe(-1);
  expect((await saved(page, 'Save overlay')).bytes.equals(savedFilled.bytes)).toBe(false);
  await page.getByRole('radio', { name: 'Outlined' }).press('ArrowLeft');
  await expect(page.getByRole('radio', { name: 'Filled' })).toBeChecked();
  expect((await pixels(page, 'overlay')).values).toEqual(filled.values);
});

test('number keys switch the classes of the legend', async ({ page }) => {
  await openReady(page, './?device=cpu');
  await segment(page, file('cat.jpg', sample('cat.jpg')));
  await page.getByText('Look for something else').click();
  await page.locator('#others').getByRole('button', { name: 'dog' }).click();
  const [cat, dog] = ['cat', 'dog'].map((name) => page.locator('#legend').getByRole('button', { name }));
  if (!cat || !dog) throw new Error('no rows');
  await expect(dog).toHaveAttribute('aria-keyshortcuts', '2');
  await expect(dog).toHaveAttribute('aria-pressed', 'true');
  await page.keyboard.press('2');
  await expect(dog).toHaveAttribute('aria-pressed', 'false');
  await expect(cat).toHaveAttribute('aria-pressed', 'true');
  await page.keyboard.press('1');
  await expect(cat).toHaveAttribute('aria-pressed', 'false');
  await expect.poll(() => colouredPixels(page)).toBe(0);
  // A key with no row, one that the browser needs for itself, and one in a list do nothing.
  await page.keyboard.press('3');
  await page.keyboard.press('Alt+1');
  await page.keyboard.press('1');
  await expect(cat).toHaveAttribute('aria-pressed', 'true');
  await expect.poll(() => colouredPixels(page)).toBeGreaterThan(0);
  await page.locator('#cut-out-class').focus();
  await page.keyboard.press('1');
  await expect(cat).toHaveAttribute('aria-pressed', 'true');
});

/** The outer fifths of the photo as they are on the screen; their upper quarter, as the grip is in the middle. */
async function sides(page: Page): Promise<{ left: Buffer; right: Buffer }> {
  await page.evaluate(() => scrollTo(0, 0));
  await page.mouse.move(0, 0);
  const frame = await page.locator('#frame').boundingBox();
  if (!frame) throw new Error('no frame');
  const [width, height] = [Math.floor(frame.width / 5), Math.floor(frame.height / 4)];
  const shot = (x: number) => page.screenshot({ clip: { x: Math.ceil(x), y: Math.ceil(frame.y), width, height } });
  // The line itself stands at the edge when it is moved there.
  return { left: await shot(frame.x + 5), right: await shot(frame.x + frame.width - width - 5) };
}
