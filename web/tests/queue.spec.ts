/** Several photos: one after the other, each with its own state, result and choices. */

import { toggle } from '../src/photo.ts';
import { CAPACITY, Queue } from '../src/queue.ts';
import { colouredPixels, expect, file, legendNames, openReady, sample, segmented, test } from './fixtures.ts';

test('the queue works in order, after changed choices, and never holds more than it can', () => {
  const queue = new Queue();
  const photos = Array.from({ length: CAPACITY }, (_, index) => queue.add(new Blob(['x']), `${index}.jpg`));
  expect(queue.add(new Blob(['x']), 'one too many.jpg')).toBe(null);
  const [first, second, third] = photos;
  if (!first || !second || !third) throw new Error('no photos');
  expect(queue.next()).toBe(first);
  first.state = 'done';
  second.state = 'failed';
  expect(queue.next()).toBe(third);
  toggle(first, 7);
  expect(queue.next()).toBe(first);
  third.state = 'done';
  toggle(third, 7);
  queue.show(third);
  expect(queue.next(), 'the shown one first').toBe(third);

  expect(queue.neighbour(-1)).toBe(second);
  expect(queue.neighbour(Number.POSITIVE_INFINITY)).toBe(photos.at(-1));
  queue.remove(third);
  expect(queue.shown).toBe(photos[3]);
  queue.clear();
  expect([queue.shown, queue.neighbour(1), queue.next(), queue.photos.length]).toEqual([null, null, null, 0]);
});

test('photos are segmented one after the other, and a bad one stops none', async ({ page }) => {
  await openReady(page, './?device=cpu');
  await page.setInputFiles('#picker', [
    file('cat.jpg', sample('cat.jpg')),
    file('notes.jpg', Buffer.from('milk, eggs, bread')),
    file('astronaut.jpg', sample('astronaut.jpg')),
  ]);
  const states = page.locator('#strip .film-state');
  await expect(states).toHaveText(['running', 'waiting', 'waiting']);
  await expect(states).toHaveText(['done', 'failed', 'running']);
  await segmented(page, 'cat.jpg');
  await expect(states).toHaveText(['done', 'failed', 'done']);
  await expect(page.locator('#strip-count')).toHaveText('2 of 3 done, 1 failed');

  // The arrow keys go from result to result.
  const films = page.locator('#strip .film-photo');
  await films.first().focus();
  await page.keyboard.press('ArrowRight');
  await expect(films.nth(1)).toBeFocused();
  await expect(page.locator('#problem')).toHaveText(/“notes.jpg” is not a picture/);
  await page.keyboard.press('ArrowRight');
  await segmented(page, 'astronaut.jpg');
  await expect(page.locator('#problem')).toBeEmpty();
  expect(await legendNames(page)).toContain('person');
  const coloured = await colouredPixels(page);

  // Each photo keeps its choices, although the engine remembers the last photo alone.
  const person = page.locator('#legend').getByRole('button', { name: 'person' });
  await person.click();
  await expect(person).toHaveAttribute('aria-pressed', 'false');
  await expect.poll(() => colouredPixels(page)).toBeLessThan(coloured);
  const without = await colouredPixels(page);
  await films.first().click();
  await segmented(page, 'cat.jpg');
  const cat = page.locator('#legend').getByRole('button', { name: 'cat' });
  await expect(cat).toHaveAttribute('aria-pressed', 'true');
  const catPixels = await colouredPixels(page);
  await cat.click();
  await expect.poll(() => colouredPixels(page)).toBeLessThan(catPixels);
  await films.nth(2).click();
  await expect(person).toHaveAttribute('aria-pressed', 'false');
  expect(await colouredPixels(page)).toBe(without);

  await page.getByRole('button', { name: 'Remove notes.jpg' }).click();
  await expect(states).toHaveText(['done', 'done']);
  await page.keyboard.press('Delete');
  await expect(films).toHaveCount(1);
  await segmented(page, 'cat.jpg');
  await page.getByRole('button', { name: 'Remove all' }).click();
  await expect(page.getByText('Drop photos here')).toBeVisible();
  await expect(page.locator('#legend li')).toHaveCount(0);
});

test('the address may name photos of this host, and no others', async ({ page }) => {
  await page.goto('./?device=cpu&photo=samples/cat.jpg&photo=https://example.org/dog.jpg');
  await expect(page.locator('#problem')).toHaveText(/photo at example.org is not opened: this page talks to its own/);
  await segmented(page, 'cat.jpg');
  expect((await legendNames(page))[0]).toBe('cat');
  await page.goto('./?device=cpu&photo=samples/unicorn.jpg');
  await expect(page.locator('#problem')).toHaveText(/photo samples\/unicorn.jpg is missing: the host answered 404/);
});
