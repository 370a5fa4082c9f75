/** The npm package as whoever installs it has it: packed, installed from the archive, and served or bundled. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Page } from '@playwright/test';
import { build } from 'vite';
import { expect, test } from './fixtures.ts';
import { SUB_PATH, serve } from './serve.mjs';

type Package = typeof import('../package/src/index.ts');

const WEB = fileURLToPath(new URL('../', import.meta.url));
/** What the example needs beside the package. */
const FILES = [
  ['public/model', 'model'],
  ['public/samples/cat.jpg', 'cat.jpg'],
] as const;
/** Labels of two classes. */
const [CAT, DOG] = [8, 12];
/** The map that the shipped model labels pixels by. */
const OWN_MAP = JSON.parse(readFileSync(join(WEB, 'public/model/manifest.json'), 'utf8')).input.map;

let folder: string;
let host: Awaited<ReturnType<typeof serve>>;

test.beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'dalnet-package-'));
  cpSync(join(WEB, 'package/example'), folder, { recursive: true });
  for (const [from, to] of FILES) cpSync(join(WEB, from), join(folder, to), { recursive: true });
  const packed = npm(join(WEB, 'package'), 'pack', '--silent', '--pack-destination', folder).trim().split('\n').at(-1);
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  npm(folder, 'install', '--offline', '--no-audit', '--no-fund', `./${packed}`);
  host = await serve(folder, 0);
});

test.afterAll(() => {
  host.close();
  rmSync(folder, { recursive: true });
});

test('the example paints the cat', async ({ page }) => {
  await page.goto(host.url);
  await expectCat(page);
});

test('the example works in a bundle of Vite, which finds worker and engine by itself', async ({ page }) => {
  const bundled = join(folder, 'bundled');
  const example = readFileSync(join(folder, 'example.js'), 'utf8');
  mkdirSync(bundled);
  cpSync(join(folder, 'index.html'), join(bundled, 'index.html'));
  writeFileSync(join(bundled, 'example.js'), example.replace(/'\.\/node_modules\/[^']+'/, "'dalnet'"));
  await build({
    root: bundled,
    configFile: false,
    base: './',
    logLevel: 'error',
    build: { target: 'es2022' },
    worker: { format: 'es' },
  });
  for (const [from, to] of FILES) cpSync(join(WEB, from), join(bundled, 'dist', to), { recursive: true });
  expect(readdirSync(join(bundled, 'dist/assets')).filter((name) => name.startsWith('mirror-worker'))).toHaveLength(1);
  await page.goto(`${host.url}bundled/dist/index.html`);
  await expectCat(page);
});

test('a segmenter says how far it is, and answers what is asked', async ({ page }) => {
  const seen = await page.evaluate(
    async ({ address, cat, dog }) => {
      const { Segmenter } = (await import(address)) as Package;
      const types = new Set<string>();
      let last = { loaded: 0, total: -1 };
      const segmenter = await Segmenter.load('model/manifest.json', {
        device: 'cpu',
        onProgress(progress) {
          types.add(progress.type);
          if (progress.type === 'download') last = progress;
        },
      });
      const photo = await (await fetch('cat.jpg')).blob();
      const bitmap = await createImageBitmap(photo);
      const { width, height } = bitmap;
      const context = new OffscreenCanvas(width, height).getContext('2d');
      context?.drawImage(bitmap, 0, 0);
      const pixels = context?.getImageData(0, 0, width, height);
      if (!pixels) throw new Error('no canvas');

      const sizes: number[][] = [];
      const onPicture = ({
        bitmap: decoded,
        sourceWidth,
        sourceHeight,
      }: import('../package/src/index.ts').DecodedPicture) =>
        sizes.push([decoded.width, decoded.height, sourceWidth, sourceHeight]);
      const [plain, own] = await Promise.all([
        segmenter.segment(photo, { refine: false, onPicture }),
        segmenter.segment(photo, { onPicture }),
      ]);
      const strict = await segmenter.segment(photo, { backgroundThreshold: 0.9 });
      const cam = await segmenter.segment(photo, { map: 'cam', heats: [cat] });
      const rough = await segmenter.segment(photo, { map: 'cam', refine: false, heats: [cat] });
      // The head's maps are never 0: any class can be had, whatever the photo shows.
      const dogs = await segmenter.segment(photo, { classes: [dog], map: 'segmentation', backgroundThreshold: 0 });
      const again = [await segmenter.segment(pixels), await segmenter.segment(pixels), await segmenter.segment(bitmap)];
      const heats = [cam, rough].map((each) => String(each.heats.get(cat)?.values));
      const covered = ({ labels }: typeof own) => labels.filter((label) => label > 0).length;
      const differ = (one: typeof own, other: typeof own) =>
        one.labels.filter((label, at) => label !== other.labels[at]).length / one.labels.length;
      const facts = {
        types: [...types],
        missing: last.total - last.loaded,
        model: [segmenter.classes[cat - 1], segmenter.classes.length, segmenter.refines, segmenter.device],
        maps: [segmenter.maps, segmenter.map],
        size: [own.width, own.height, own.labels.length, own.confidence.length],
        expected: [width, height, width * height, width * height],
        sizes,
        encoded: [plain, own, strict, cam, rough, dogs, ...again].map(({ encoded }) => encoded),
        refined: [plain.refined, own.refined],
        mapped: [own.map, cam.map],
        found: own.classes.map(({ index, name }) => [index, name]),
        share: own.classes[0]?.share,
        covered: covered(own) / own.labels.length,
        stricter: covered(strict) / covered(own),
        differ: { plain: differ(own, plain), cam: differ(own, cam), pixels: again.map((each) => differ(own, each)) },
        heat: [cam.heats.get(cat)?.values.length, own.heats.size],
        heatFollowsEdges: heats[0] !== heats[1],
        dogs: [...new Set(dogs.labels)],
        texts: own.similarity?.names.length,
      };
      segmenter.close();
      return facts;
    },
    { address: await blank(page), cat: CAT, dog: DOG },
  );
  expect(seen.types).toEqual(['device', 'download', 'loading', 'ready']);
  expect(seen.missing).toBe(0);
  expect(seen.model).toEqual(['cat', 20, true, 'cpu']);
  expect(seen.maps).toEqual([['cam', 'auxiliary_cam', 'segmentation', 'fused'], OWN_MAP]);
  expect(seen.mapped).toEqual([OWN_MAP, 'cam']);
  expect(seen.size).toEqual(seen.expected);
  const [width, height] = seen.expected;
  expect(seen.sizes, 'decoded once').toEqual([[width, height, width, height]]);
  expect(seen.encoded).toEqual([true, false, false, false, false, false, true, true, true]);
  expect(seen.refined).toEqual([false, true]);
  expect(seen.found).toEqual([[CAT, 'cat']]);
  expect(seen.share).toBeCloseTo(seen.covered, 4);
  expect(seen.stricter).toBeLessThan(0.95);
  expect(seen.differ.plain).toBeGreaterThan(0);
  expect(seen.differ.cam).toBeGreaterThan(0);
  expect(Math.max(...seen.differ.pixels), 'file, pixels and bitmap are one picture').toBeLessThan(0.001);
  expect(seen.heat).toEqual([seen.expected[2], 0]);
  expect(seen.heatFollowsEdges).toBe(true);
  expect(seen.dogs).toContain(DOG);
  expect(seen.dogs).not.toContain(CAT);
  expect(seen.texts).toBe(21);
});

test('what cannot be segmented or loaded is an error of its kind, and the next picture works', async ({ page }) => {
  const address = await blank(page);
  const seen = await page.evaluate(async (address) => {
    const { Segmenter, SegmenterError } = (await import(address)) as Package;
    const problem = (promise: Promise<unknown>) =>
      promise.then(
        () => 'none',
        (error) => (error instanceof SegmenterError ? `${error.stage}: ${error.message}` : `${error.name}`),
      );
    const segmenter = new Segmenter('model/manifest.json', { device: 'cpu' });
    const photo = await (await fetch('cat.jpg')).blob();
    const closed = await createImageBitmap(photo);
    closed.close();
    const bad = await Promise.all([
      problem(segmenter.segment(new Blob(['milk, eggs, bread']))),
      problem(segmenter.segment(new File([photo.slice(0, 9000)], 'half.jpg'))),
      problem(segmenter.segment(closed, { name: 'closed' })),
      problem(segmenter.segment(photo, { map: 'nonsense' as 'cam' })),
      problem(segmenter.segment(photo)),
    ]);
    const pending = problem(segmenter.segment(new Blob([photo])));
    segmenter[Symbol.dispose]();
    const ended = [await pending, await problem(segmenter.segment(photo))];
    const abort = new AbortController();
    const loads = [
      problem(Segmenter.load('nowhere/manifest.json')),
      problem(Segmenter.load('model/manifest.json', { signal: AbortSignal.abort() })),
      problem(Segmenter.load('model/manifest.json', { signal: abort.signal, onProgress: () => abort.abort() })),
    ];
    return { bad, ended, loads: await Promise.all(loads) };
  }, address);
  expect(seen.bad[0]).toMatch(/^picture: “picture” is not a picture/);
  expect(seen.bad[1]).toMatch(/^picture: “half.jpg” is cut short/);
  expect(seen.bad[2]).toMatch(/^picture: “closed” can no longer be read/);
  expect(seen.bad[3]).toMatch(/^run: .*nonsense/);
  expect(seen.bad[4]).toBe('none');
  expect(seen.ended).toEqual(['AbortError', 'AbortError']);
  expect(seen.loads[0]).toMatch(/^model: The model’s manifest is missing: the host answered 404/);
  expect(seen.loads.slice(1)).toEqual(['AbortError', 'AbortError']);
});

test('a picture is taken back while it is worked on or waits, and those beside it are answered', async ({ page }) => {
  const address = await blank(page);
  const seen = await page.evaluate(async (address) => {
    const { Segmenter } = (await import(address)) as Package;
    const outcome = (promise: Promise<unknown>) =>
      promise.then(
        () => 'answered',
        (error) => String(error),
      );
    const segmenter = await Segmenter.load('model/manifest.json', { device: 'cpu' });
    const bytes = await (await fetch('cat.jpg')).blob();
    const photo = () => new Blob([bytes]);
    const [first, second] = [new AbortController(), new AbortController()];
    let pictures = 0;
    const onPicture = ({ bitmap }: { readonly bitmap: ImageBitmap }) => {
      pictures++;
      bitmap.close();
    };
    const all = Promise.all([
      outcome(segmenter.segment(photo(), { signal: first.signal, onPicture })),
      outcome(segmenter.segment(photo(), { signal: second.signal, onPicture })),
      outcome(segmenter.segment(photo(), { signal: AbortSignal.abort('before'), onPicture })),
      outcome(segmenter.segment(photo(), { signal: new AbortController().signal, onPicture })),
    ]);
    first.abort('at work');
    second.abort('waiting');
    return { all: await all, pictures };
  }, address);
  expect(seen).toEqual({ all: ['at work', 'waiting', 'before', 'answered'], pictures: 1 });
});

test('the types hold for bundlers and for Node, without the library’s own settings', () => {
  writeFileSync(
    join(folder, 'consumer.ts'),
    `import { type Result, Segmenter, SegmenterError } from 'dalnet';
    export async function largest(file: File): Promise<string | undefined> {
      using segmenter = await Segmenter.load('model/manifest.json', { device: 'webgpu', onProgress: (p) => console.log(p.type) });
      const result: Result = await segmenter.segment(file, { classes: [1, 2], heats: [1] });
      return result.classes[0]?.name;
    }
    export const isPicture = (error: unknown) => error instanceof SegmenterError && error.stage === 'picture';
    // @ts-expect-error there is no such device
    void Segmenter.load('model/manifest.json', { device: 'abacus' });
    `,
  );
  for (const kind of [
    ['--module', 'esnext', '--moduleResolution', 'bundler'],
    ['--module', 'nodenext', '--moduleResolution', 'nodenext'],
  ]) {
    const flags = ['--strict', '--noEmit', '--target', 'es2022', '--lib', 'es2022,dom', ...kind, 'consumer.ts'];
    execFileSync(join(WEB, 'node_modules/.bin/tsc'), flags, { cwd: folder, encoding: 'utf8' });
  }
});

function npm(cwd: string, ...words: string[]): string {
  return execFileSync('npm', words, { cwd, encoding: 'utf8' });
}

/** Goes where the example's files are without starting it, and gives the package's address. */
async function blank(page: Page): Promise<string> {
  await page.route('**/example.js', (route) => route.fulfill({ contentType: 'text/javascript', body: '' }));
  await page.goto(host.url);
  return `${SUB_PATH}node_modules/dalnet/dist/index.js`;
}

/** The example's sentence and its picture agree: as much as it says is painted over. */
async function expectCat(page: Page): Promise<void> {
  await expect(page.locator('p')).toHaveText(/^cat: 0\.\d+$/);
  const share = Number((await page.locator('p').textContent())?.split(' ')[1]);
  const painted = await page.locator('canvas').evaluate(async (canvas: HTMLCanvasElement) => {
    const { width, height } = canvas;
    const photo = await createImageBitmap(await (await fetch('cat.jpg')).blob());
    const plain = new OffscreenCanvas(width, height).getContext('2d');
    const drawn = canvas.getContext('2d')?.getImageData(0, 0, width, height).data ?? [];
    plain?.drawImage(photo, 0, 0, width, height);
    const before = plain?.getImageData(0, 0, width, height).data ?? [];
    let changed = 0;
    for (let at = 0; at < before.length; at += 4) {
      if ([0, 1, 2].some((channel) => before[at + channel] !== drawn[at + channel])) changed++;
    }
    return changed / (width * height);
  });
  expect(share).toBeGreaterThan(0.2);
  expect(Math.abs(painted - share), `${painted} is painted, ${share} stands there`).toBeLessThan(0.005);
}
