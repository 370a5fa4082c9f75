/** What does not start or breaks, engine, GPU or camera: a sentence, and the photo is still there. */
import {
  colouredPixels,
  expect,
  file,
  openReady,
  prepareWorker,
  sample,
  segment,
  segmented,
  test,
} from './fixtures.ts';

test('a damaged engine is a sentence, and trying again helps', async ({ page }) => {
  await page.route('**/*.wasm', (route) => route.fulfill({ contentType: 'application/wasm', body: 'not wasm' }));
  await page.goto('./?device=cpu');
  await expect(page.locator('#problem')).toHaveText(/The engine could not be started/);
  await page.unroute('**/*.wasm');
  await page.getByRole('button', { name: 'Try again' }).click();
  await expect(page.locator('#status')).toContainText('Ready');
});

test('a GPU that breaks hands the photo over to the CPU', async ({ page }) => {
  await prepareWorker(
    page,
    `const broken = { features: new Set(['timestamp-query']), info: { vendor: 'broken', architecture: '' } };
    Object.defineProperty(navigator, 'gpu', { value: { requestAdapter: async () => broken } })`,
  );
  await page.goto('./');
  await page.getByRole('button', { name: 'Cat' }).click();
  await segmented(page, 'cat.jpg');
  await expect(page.locator('#device-note')).toHaveText(/Computes on the CPU: WebGPU failed/);
  await expect(page.locator('#device')).toHaveText('CPU');
  expect(await colouredPixels(page)).toBeGreaterThan(0);
});

test('a panic, which leaves its promise pending, still ends the wait', async ({ page }) => {
  await prepareWorker(
    page,
    `addEventListener('message', ({ data }) => {
      if (data.type !== 'segment') return;
      console.error('panicked at disco.rs:1:2:\\nno music\\n\\nStack:');
      Promise.reject(new Error('unreachable'));
    })`,
  );
  await page.goto('./?device=cpu');
  await expect(page.locator('#status')).toContainText('Ready');
  await page.getByRole('button', { name: 'Cat' }).click();
  await expect(page.locator('#problem')).toHaveText('The engine stopped: panicked at disco.rs:1:2: no music');
  await expect(page.getByRole('button', { name: 'Try again' })).toBeVisible();
});

test('a browser that refuses to keep anything still loads the model', async ({ page }) => {
  await page.addInitScript(() => {
    navigator.serviceWorker.register = () => Promise.reject(new DOMException('not here', 'SecurityError'));
  });
  await prepareWorker(page, `caches.open = () => Promise.reject(new DOMException('no room', 'SecurityError'))`);
  await page.goto('./?device=cpu');
  await expect(page.locator('#status')).toContainText('Ready');
  await expect(page.locator('#problem')).toBeEmpty();
  await expect(page.locator('#offline')).toBeEmpty();
});

test('a machine without a camera is a sentence, and the photo stays', async ({ page }) => {
  await openReady(page, './?device=cpu');
  await segment(page, file('cat.jpg', sample('cat.jpg')));
  const camera = page.getByRole('button', { name: 'Camera', exact: true });
  await camera.click();
  await expect(page.locator('#problem')).toHaveText(/^No camera was found\. Connect one/);
  await segmented(page, 'cat.jpg');
  await expect(camera).toBeEnabled();
  await page.getByRole('button', { name: 'Dismiss' }).click();
  await expect(page.locator('#problem')).toBeEmpty();
});
