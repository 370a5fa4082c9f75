/** The camera: Chromium plays a film to the page, whose only frame is the sample astronaut. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import AxeBuilder from '@axe-core/playwright';
import type { BrowserType, LaunchOptions, Page } from '@playwright/test';
import {
  test as base,
  colouredPixels,
  expect,
  file,
  legendNames,
  openReady,
  sample,
  segment,
  segmented,
} from './fixtures.ts';

const test = base.extend<object, { launchOptions: LaunchOptions }>({
  launchOptions: [
    async ({ playwright }, use, { project }) => {
      const folder = mkdtempSync(join(tmpdir(), 'dalnet-camera-'));
      const film = join(folder, 'astronaut.mjpeg');
      const options = project.use.launchOptions ?? {};
      writeFileSync(film, await baseline(sample('astronaut.jpg'), playwright.chromium, options));
      const args = [
        ...(options.args ?? []),
        '--use-fake-device-for-media-stream',
        '--use-fake-ui-for-media-stream',
        `--use-file-for-fake-video-capture=${film}`,
      ];
      await use({ ...options, args });
      rmSync(folder, { recursive: true });
    },
    { scope: 'worker' },
  ],
});

test('the camera is segmented live, gives photos, and goes out', async ({ page }) => {
  await page.emulateMedia({ reducedMotion: 'reduce' });
  await keepStreams(page);
  await openReady(page, './?device=cpu');
  await segment(page, file('cat.jpg', sample('cat.jpg')));
  const camera = page.getByRole('button', { name: 'Camera', exact: true });
  await camera.click();
  const take = page.getByRole('button', { name: 'Take photo' });
  await expect(take, 'the cat is no photo of the camera').toBeDisabled();
  await segmented(page, 'Camera');
  await expect(page.locator('#status')).toHaveText('Live from the camera, computing on the CPU.');
  expect(await legendNames(page)).toContain('person');
  const coloured = await colouredPixels(page);
  expect(coloured).toBeGreaterThan(0);
  expect(await tracks(page)).toEqual(['live']);
  for (const [width, colorScheme] of [
    [390, 'light'],
    [1440, 'dark'],
  ] as const) {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width, height: 860 });
    expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
  }

  // A choice holds for the frames to come.
  const person = page.locator('#legend').getByRole('button', { name: 'person' });
  await person.click();
  await expect.poll(() => colouredPixels(page)).toBeLessThan(coloured);
  await expect(person).toHaveAttribute('aria-pressed', 'false');

  await take.click();
  await segmented(page, 'camera.jpg');
  await expect(page.locator('#strip .film-photo').nth(1)).toBeFocused();
  expect(await legendNames(page), 'the choice was about the camera').toContain('person');
  await expect(page.locator('#strip .film-state')).toHaveText(['done', 'done']);
  expect(await tracks(page)).toEqual(['ended']);

  await camera.click();
  await segmented(page, 'Camera');
  expect(await tracks(page)).toEqual(['ended', 'live']);
  await page.getByRole('button', { name: 'Stop camera' }).click();
  await segmented(page, 'camera.jpg');
  expect(await tracks(page)).toEqual(['ended', 'ended']);
  await expect(page.locator('#problem')).toBeEmpty();
});

/** Keeps the streams that the browser gives to the page, to see whether their light is on. */
function keepStreams(page: Page): Promise<unknown> {
  return page.addInitScript(() => {
    const streams: MediaStream[] = [];
    Object.assign(window, { streams });
    const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = async (wanted) => {
      const stream = await ask(wanted);
      streams.push(stream);
      return stream;
    };
  });
}

function tracks(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const { streams } = window as unknown as { streams: MediaStream[] };
    return streams.flatMap((stream) => stream.getTracks().map(({ readyState }) => readyState));
  });
}

/** A picture as the kind of JPEG that cameras send: the samples are progressive ones. */
async function baseline(jpeg: Buffer, chromium: BrowserType, options: LaunchOptions): Promise<Buffer> {
  const browser = await chromium.launch(options);
  try {
    const page = await browser.newPage();
    const address = await page.evaluate(
      async (source) => {
        const image = new Image();
        image.src = source;
        await image.decode();
        const canvas = document.createElement('canvas');
        canvas.width = image.width;
        canvas.height = image.height;
        canvas.getContext('2d')?.drawImage(image, 0, 0);
        return canvas.toDataURL('image/jpeg');
      },
      `data:image/jpeg;base64,${jpeg.toString('base64')}`,
    );
    return Buffer.from(address.split(',')[1] ?? '', 'base64');
  } finally {
    await browser.close();
  }
}
