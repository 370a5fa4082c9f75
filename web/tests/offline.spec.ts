/** A visit without a connection, after one with; and a new build that takes the place of the kept one. */
import { createHash } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, legendNames, openReady, segmented, test } from './fixtures.ts';
import { serve } from './serve.mjs';

test.use({ serviceWorkers: 'allow' });

const DIST = fileURLToPath(new URL('../dist', import.meta.url));

test('the page opens and segments without a connection, and makes room for a new build', async ({ page }) => {
  const site = mkdtempSync(join(tmpdir(), 'dalnet-site-'));
  cpSync(DIST, site, { recursive: true });
  let host = await serve(site, 0);
  try {
    const address = `${host.url}?device=cpu`;
    await openReady(page, address);
    await expect(page.locator('#offline')).toHaveText(/kept in your browser/);
    host.close();
    await page.goto('about:blank');
    await openReady(page, address);
    await page.getByRole('button', { name: 'Cat' }).click();
    await segmented(page, 'cat.jpg');
    expect((await legendNames(page))[0]).toBe('cat');

    // The new build differs in its front page.
    const front = readFileSync(join(site, 'index.html'), 'utf8');
    const changed = front.replace('Every region', 'Each region');
    writeFileSync(join(site, 'index.html'), changed);
    const worker = readFileSync(join(site, 'service-worker.js'), 'utf8');
    writeFileSync(join(site, 'service-worker.js'), worker.replace(hash(front), hash(changed)));
    host = await serve(site, Number(new URL(address).port));
    await openReady(page, address);
    await expect(page.getByRole('heading', { level: 1 })).toHaveText(/^Each region/);
    const fronts = () =>
      page.evaluate(async () => {
        const entries = await (await caches.open('dalnet-page-1')).keys();
        return entries.filter(({ url }) => url.includes('index.html')).map(({ url }) => url.split('sha256=')[1]);
      });
    await expect.poll(fronts).toEqual([hash(changed)]);
    host.close();
    await page.reload();
    await expect(page.getByRole('heading', { level: 1 })).toHaveText(/^Each region/);
  } finally {
    host.close();
    rmSync(site, { recursive: true });
  }
});

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
