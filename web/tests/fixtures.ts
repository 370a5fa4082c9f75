/** What the tests of the page share. Each of them also proves that nothing left this machine and the CSP held. */
import { readFileSync } from 'node:fs';
import { test as base, expect, type Page } from '@playwright/test';

export { expect };

/** Playwright's `test`, watching the network and the console of every page. */
export const test = base.extend<{ atHome: undefined }>({
  atHome: [
    async ({ context }, use) => {
      const foreign: string[] = [];
      const violations: string[] = [];
      context.on('request', (request) => {
        const { protocol, hostname } = new URL(request.url());
        if (protocol !== 'blob:' && protocol !== 'data:' && hostname !== 'localhost') foreign.push(request.url());
      });
      context.on('console', (message) => {
        if (/Content.Security.Policy/i.test(message.text())) violations.push(message.text());
      });
      context.on('weberror', (error) => violations.push(String(error.error())));
      await use(undefined);
      expect(foreign, 'requests to other hosts').toEqual([]);
      expect(violations, 'violations of the Content-Security-Policy and uncaught errors').toEqual([]);
    },
    { auto: true },
  ],
});

/** Bytes of one of the sample photos. */
export function sample(name: string): Buffer {
  return readFileSync(new URL(`../public/samples/${name}`, import.meta.url));
}

/** A file as Playwright hands it to an input. */
export function file(name: string, buffer: Buffer, mimeType = 'image/jpeg') {
  return { name, mimeType, buffer };
}

/** Opens the page and waits until engine and model are ready. */
export async function openReady(page: Page, address = './'): Promise<void> {
  await page.goto(address);
  await expect(page.locator('#status')).toContainText('Ready');
}

/** Picks a file and waits for its regions. */
export async function segment(page: Page, picked: ReturnType<typeof file>): Promise<void> {
  await page.setInputFiles('#picker', picked);
  await segmented(page, picked.name);
}

/** Waits until the regions of the photo `name` are shown. */
export async function segmented(page: Page, name: string): Promise<void> {
  await expect(page.locator(`#stage[data-photo="${name}"][data-state="segmented"]`)).toBeVisible();
}

/** Number of pixels of the overlay that are not transparent. */
export function colouredPixels(page: Page): Promise<number> {
  return page.locator('#overlay').evaluate((canvas: HTMLCanvasElement) => {
    const context = canvas.getContext('2d');
    const data = context?.getImageData(0, 0, canvas.width, canvas.height).data ?? [];
    let coloured = 0;
    for (let at = 3; at < data.length; at += 4) coloured += data[at] ? 1 : 0;
    return coloured;
  });
}

/** Width and height of the photo as it is shown, in its own pixels. */
export function photoSize(page: Page): Promise<[number, number]> {
  return page.locator('#photo').evaluate((canvas: HTMLCanvasElement) => [canvas.width, canvas.height]);
}

/** Names of the legend's rows, from the top. */
export function legendNames(page: Page): Promise<string[]> {
  return page.locator('#legend .name').allTextContents();
}

/** Runs `code` in the worker before its own. */
export async function prepareWorker(page: Page, code: string): Promise<void> {
  await page.route('**/assets/worker-*.js', async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, body: `${code};\n${await response.text()}` });
  });
}
