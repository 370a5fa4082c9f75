/** What may lie over the photo: confidence, class maps, nearness to texts; and regions that follow edges. */
import AxeBuilder from '@axe-core/playwright';
import type { Page } from '@playwright/test';
import { VIRIDIS } from '../src/colour-scale.ts';
import { expect, file, openReady, sample, segment, segmented, test } from './fixtures.ts';
import { pixels } from './saved.ts';

test('each view lies over the photo in its own way, fits a phone, and axe finds nothing', async ({ page }) => {
  await page.emulateMedia({ reducedMotion: 'reduce' });
  await page.setViewportSize({ width: 390, height: 860 });
  await openReady(page, './?device=cpu');
  await segment(page, file('cat.jpg', sample('cat.jpg')));
  await page.evaluate(() => scrollTo(0, 0));
  const strip = await page.locator('#strip').boundingBox();
  const seen = new Set([await overlay(page)]);
  for (const [view, scale] of [
    ['Confidence', /How sure\s*0 %\s*100 %/],
    ['Class map', /cat\s*0\s*1/],
    ['Similarity', /“cat”, cosine\s*−?0\.\d\d\s*0\.\d\d/],
  ] as const) {
    await choose(page, view);
    await expect(page.locator('#scale')).toHaveText(scale);
    await expect.poll(async () => seen.has(await overlay(page)), view).toBe(false);
    seen.add(await overlay(page));
    await expect(page.getByRole('radio', { name: 'Outlined' })).toBeDisabled();
    expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
    await page.locator('#frame').hover({ position: { x: 180, y: 90 } });
    await expect(page.locator('#readout')).toHaveText(/^cat/);
    await page.evaluate(() => scrollTo(0, 0));
    expect(await page.locator('#strip').boundingBox(), 'nothing moves').toEqual(strip);
  }
  await choose(page, 'Segmentation');
  await expect(page.locator('#scale')).toBeHidden();
  expect(seen.has(await overlay(page)), 'the regions as before').toBe(true);
});

test('the legend chooses the class that is looked at', async ({ page }) => {
  const encoded = await watchAnswers(page);
  await openReady(page, './?device=cpu');
  await segment(page, file('cat.jpg', sample('cat.jpg')));
  await choose(page, 'Class map');
  await expect(page.locator('#scale')).toHaveText(/cat/);
  await page.getByText('Look for something else').click();
  await page.locator('#others').getByRole('button', { name: 'dog' }).click();
  const [cat, dog] = ['cat', 'dog'].map((name) => page.locator('#legend').getByRole('button', { name }));
  if (!cat || !dog) throw new Error('no rows');
  for (const view of ['Class map', 'Similarity']) {
    await choose(page, view);
    await dog.hover();
    await expect(dog).toHaveAttribute('aria-pressed', 'true');
    await expect(page.locator('#scale')).toHaveText(/dog/);
    await expect.poll(() => brightness(page)).toBeGreaterThan(0);
    const ofDog = await brightness(page);
    await cat.hover();
    await expect(page.locator('#scale')).toHaveText(/cat/);
    await expect.poll(() => brightness(page), 'it is a cat').toBeGreaterThan(1.3 * ofDog);
    const ofCat = await brightness(page);
    await cat.focus();
    await dog.focus();
    await expect.poll(() => brightness(page)).toBe(ofDog);
    await page.keyboard.press('1');
    await expect.poll(() => brightness(page)).toBe(ofCat);
    await expect(dog).toHaveAttribute('aria-pressed', 'false');
  }
  expect(await encoded(), 'one pass of the encoder for all of it').toEqual([true, false, false]);

  // A photo that comes while a class map is shown gets its own, and the first photo keeps its.
  await choose(page, 'Class map');
  const catMap = await overlay(page);
  await segment(page, file('astronaut.jpg', sample('astronaut.jpg')));
  await expect(page.locator('#scale')).toHaveText(/person/);
  await expect.poll(() => brightness(page)).toBeGreaterThan(0);
  expect(await overlay(page)).not.toBe(catMap);
  await page.locator('#strip .film-photo').first().click();
  await segmented(page, 'cat.jpg');
  expect(await overlay(page)).toBe(catMap);
});

test('a patch names the texts that are nearest, by pointer and by keyboard', async ({ page }) => {
  await openReady(page, './?device=cpu');
  await segment(page, file('cat.jpg', sample('cat.jpg')));
  await choose(page, 'Similarity');
  const frame = page.locator('#frame');
  const box = await frame.boundingBox();
  if (!box) throw new Error('no frame');
  const readout = page.locator('#readout');
  const three = /^(?:[\w ]+ −?\d\.\d\d(?:, |$)){3}$/;
  await frame.hover({ position: { x: box.width * 0.5, y: box.height * 0.3 } });
  await expect(readout).toHaveText(three);
  await expect(readout).toHaveText(/^cat 0\.\d\d, /);
  const cosines = ((await readout.textContent()) ?? '').split(', ').map((text) => {
    return Number(text.replace('−', '-').split(' ').at(-1));
  });
  expect(cosines).toEqual([...cosines].sort((one, other) => other - one));
  await frame.hover({ position: { x: box.width * 0.97, y: box.height * 0.6 } });
  await expect(readout, 'beside the cat').toHaveText(/^background /);

  await frame.focus();
  for (let step = 0; step < 5; step++) await page.keyboard.press('Shift+ArrowLeft');
  await expect(page.locator('#probe')).toBeVisible();
  await expect(readout).toHaveText(/^cat 0\.\d\d, /);
  await expect(readout).toHaveAttribute('aria-live', 'polite');
  // The point stays where it is when something else is laid over the photo.
  await choose(page, 'Segmentation');
  await frame.focus();
  await page.keyboard.press('ArrowUp');
  await expect(readout).toHaveText(/^cat, \d+ % sure$/);
});

test('regions follow edges when asked to, without another pass of the encoder', async ({ page }) => {
  const encoded = await watchAnswers(page);
  await openReady(page, './?device=cpu');
  await segment(page, file('cat.jpg', sample('cat.jpg')));
  const edges = page.getByRole('checkbox', { name: 'Follow edges' });
  await expect(edges, 'as the model has it').toBeChecked();
  const refined = await overlay(page);
  await edges.focus();
  await page.keyboard.press('Space');
  await expect.poll(() => overlay(page)).not.toBe(refined);
  const plain = await overlay(page);
  await edges.check();
  await expect.poll(() => overlay(page)).toBe(refined);
  await edges.uncheck();
  await expect.poll(() => overlay(page)).toBe(plain);
  expect(await encoded()).toEqual([true, false, false, false]);
});

test('another map labels the pixels and shows its classes, without another pass of the encoder', async ({ page }) => {
  const encoded = await watchAnswers(page);
  await openReady(page, './?device=cpu');
  const map = page.getByRole('combobox', { name: 'Map' });
  await expect(map.locator('option')).toHaveText(['CAM', 'Auxiliary CAM', 'Segmentation head', 'CAM and head']);
  const own = await map.inputValue();
  await segment(page, file('cat.jpg', sample('cat.jpg')));
  const seen = new Map([[own, await overlay(page)]]);
  for (const name of ['cam', 'auxiliary_cam', 'segmentation', 'fused'].filter((name) => name !== own)) {
    await map.selectOption(name);
    await expect.poll(async () => [...seen.values()].includes(await overlay(page)), name).toBe(false);
    seen.set(name, await overlay(page));
  }
  await map.selectOption(own);
  await expect.poll(() => overlay(page), 'as before').toBe(seen.get(own));
  expect(await encoded()).toEqual([true, false, false, false, false]);

  // The class map is the chosen map's, and follows the picture's edges when regions do.
  await choose(page, 'Class map');
  await expect.poll(() => brightness(page)).toBeGreaterThan(0);
  const heats = [await overlay(page)];
  const changes = async (act: () => Promise<unknown>) => {
    await act();
    await expect.poll(async () => heats.includes(await overlay(page))).toBe(false);
    heats.push(await overlay(page));
  };
  await changes(() => page.getByRole('checkbox', { name: 'Follow edges' }).uncheck());
  await changes(() => map.selectOption('segmentation'));
});

test('a model whose manifest does not refine starts with plain regions', async ({ page }) => {
  await page.route('**/model/manifest.json', async (route) => {
    const response = await route.fetch();
    const manifest = await response.json();
    delete manifest.input.refinement;
    await route.fulfill({ response, json: manifest });
  });
  await openReady(page, './?device=cpu');
  const edges = page.getByRole('checkbox', { name: 'Follow edges' });
  await expect(edges).toBeEnabled();
  await expect(edges).not.toBeChecked();
});

test('the scale of class maps grows steadily lighter', () => {
  const lightness = VIRIDIS.map(
    ([red, green, blue]) => 0.2126 * red ** 2.2 + 0.7152 * green ** 2.2 + 0.0722 * blue ** 2.2,
  );
  expect(lightness).toEqual([...lightness].sort((one, other) => one - other));
  expect(new Set(lightness).size).toBe(VIRIDIS.length);
});

async function choose(page: Page, view: string): Promise<void> {
  await page.getByRole('combobox', { name: 'View' }).selectOption(view);
}

/** The overlay's pixels as a text to compare. */
async function overlay(page: Page): Promise<string> {
  const { width, height, values } = await pixels(page, 'overlay');
  return `${width} × ${height}: ${Buffer.from(Array.from(values)).toString('base64')}`;
}

/** Mean of the overlay's green, which grows with the number that a colour stands for. */
async function brightness(page: Page): Promise<number> {
  const { values } = await pixels(page, 'overlay');
  let sum = 0;
  for (let at = 1; at < values.length; at += 4) sum += values[at] ?? 0;
  return sum / (values.length / 4);
}

/** Gives a function that lists of every answer so far whether the encoder ran for it. */
async function watchAnswers(page: Page): Promise<() => Promise<boolean[]>> {
  await page.addInitScript(() => {
    const encoded: boolean[] = [];
    Object.assign(window, { encoded });
    window.Worker = class extends Worker {
      constructor(...given: ConstructorParameters<typeof Worker>) {
        super(...given);
        this.addEventListener('message', ({ data }) => {
          if (data.type === 'segmentation') encoded.push(data.result.encoded);
        });
      }
    };
  });
  return () => page.evaluate(() => (window as unknown as { encoded: boolean[] }).encoded);
}
