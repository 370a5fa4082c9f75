/** For everybody: axe finds nothing, a narrow phone needs no sideways scrolling, nothing jumps. */
import AxeBuilder from '@axe-core/playwright';
import { expect, file, openReady, sample, segment, test } from './fixtures.ts';

for (const colorScheme of ['light', 'dark'] as const) {
  test(`axe finds no violation in the ${colorScheme} page, and it fits 320 pixels`, async ({ page }) => {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await page.setViewportSize({ width: 320, height: 640 });
    await openReady(page, './?device=cpu');
    const fits = () => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);
    expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([]);
    expect(await fits()).toBe(true);
    await segment(page, file('cat.jpg', sample('cat.jpg')));
    await page.getByText('Look for something else').click();
    await page.getByText('Credits of the sample photos').click();
    expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([]);
    expect(await fits()).toBe(true);
    await page.setInputFiles('#picker', file('notes.jpg', Buffer.from('text')));
    await expect(page.locator('#problem')).not.toBeEmpty();
    expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([]);
  });
}

for (const width of [390, 1280]) {
  test(`nothing jumps at ${width} pixels while the page loads and segments`, async ({ page }) => {
    await page.setViewportSize({ width, height: 860 });
    await page.addInitScript(() => {
      const shifts: number[] = [];
      Object.assign(window, { shifts });
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) shifts.push((entry as PerformanceEntry & { value: number }).value);
      }).observe({ type: 'layout-shift', buffered: true });
    });
    await openReady(page, './?device=cpu');
    await page.setInputFiles('#picker', file('notes.jpg', Buffer.from('text')));
    await expect(page.locator('#problem')).not.toBeEmpty();
    await segment(page, file('cat.jpg', sample('cat.jpg')));
    await page.waitForTimeout(800);
    const shifts = await page.evaluate(() => (window as unknown as { shifts: number[] }).shifts);
    expect(shifts.reduce((sum, shift) => sum + shift, 0)).toBeLessThan(0.01);
  });
}
