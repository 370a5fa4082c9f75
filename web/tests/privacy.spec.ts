/** Nothing leaves the machine: what the browser asks for and what the host hears during a whole session. */
import { fileURLToPath } from 'node:url';
import { expect, file, openReady, sample, segment, test } from './fixtures.ts';
import { saved } from './saved.ts';
import { serve } from './serve.mjs';

test.use({ serviceWorkers: 'allow' });

const DIST = fileURLToPath(new URL('../dist', import.meta.url));

test('a session with a photo asks its own host for files, and sends nothing', async ({ page, context }) => {
  const heard: { method: string; url: string; hasBody: boolean }[] = [];
  const host = await serve(DIST, 0, {
    hear({ method = '', url = '', headers }) {
      const hasBody = 'transfer-encoding' in headers || (headers['content-length'] ?? '0') !== '0';
      heard.push({ method, url, hasBody });
    },
  });
  const asked: { method: string; url: string }[] = [];
  context.on('request', (request) => asked.push({ method: request.method(), url: request.url() }));
  const sockets: string[] = [];
  page.on('websocket', (socket) => sockets.push(socket.url()));
  try {
    await openReady(page, `${host.url}?device=cpu`);
    await segment(page, file('secret-holiday.jpg', sample('cat.jpg')));
    await page.locator('#legend button').first().click();
    await expect(page.locator('#legend button').first()).toHaveAttribute('aria-pressed', 'false');
    await saved(page, 'All photos as a zip');
    await expect(page.locator('#offline')).not.toBeEmpty();
    await page.goto('about:blank');

    const own = new URL(host.url);
    const local = (url: string) => url.startsWith('blob:') || url === 'about:blank';
    for (const { method, url } of asked.filter((each) => !local(each.url))) {
      expect(method, url).toBe('GET');
      expect(new URL(url).origin).toBe(own.origin);
    }
    expect(sockets).toEqual([]);
    const model = /^model\/[\w.-]+$|^assets\/[\w.-]+$|^samples\/[\w.-]+$|^(icon\.svg|service-worker\.js|)$/;
    for (const { method, url, hasBody } of heard) {
      expect([method, hasBody], url).toEqual(['GET', false]);
      const { pathname, search } = new URL(url, own);
      expect(pathname.slice(own.pathname.length)).toMatch(model);
      // Only the visitor's own address has a query.
      expect(search).toBe(pathname === own.pathname && search ? '?device=cpu' : '');
    }
    expect(heard.map(({ url }) => url).filter((url) => url.endsWith('.wasm')).length).toBeGreaterThan(0);
    expect(JSON.stringify([asked, heard])).not.toContain('holiday');
  } finally {
    host.close();
  }
});

test('the security policy allows neither other hosts nor code in text', async ({ page }) => {
  await page.goto('./');
  const policy = await page.locator('meta[http-equiv="Content-Security-Policy"]').getAttribute('content');
  const rules = new Map(
    (policy ?? '').split(';').map((rule) => {
      const [name = '', ...sources] = rule.trim().split(/\s+/);
      return [name, sources];
    }),
  );
  expect(rules.get('default-src')).toEqual(["'none'"]);
  expect(rules.get('connect-src')).toEqual(["'self'"]);
  expect(rules.get('script-src')).toEqual(["'self'", "'wasm-unsafe-eval'"]);
  expect(rules.get('form-action')).toEqual(["'none'"]);
  for (const source of [...rules.values()].flat())
    expect(["'self'", "'none'", "'wasm-unsafe-eval'", 'blob:']).toContain(source);
});
