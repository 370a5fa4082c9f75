/** The second worker on the CPU, which takes half of the network's work, and what happens without it. */
import type { Page } from '@playwright/test';
import { expect, file, openReady, prepareWorker, sample, segment, test } from './fixtures.ts';
import { pixels } from './saved.ts';

/** What happens to the second worker; the first one writes to the console what it sends and hears. */
const CASES = [
  { name: 'two cores', cores: 2, break: '', heard: ['start', 'ready', 'picture', 'numbers', 'picture', 'numbers'] },
  { name: 'one core', cores: 1, break: '', heard: [] },
  { name: 'it cannot start', cores: 2, break: 'start', heard: ['start', 'failed'] },
  { name: 'it breaks', cores: 2, break: 'picture', heard: ['start', 'ready', 'picture', 'failed'] },
] as const;

test('a second worker does half of the work; without it, or when it breaks, the first does all', async ({ page }) => {
  const seen: Awaited<ReturnType<typeof labels>>[] = [];
  for (const { name, cores, break: broken, heard } of CASES) {
    const visitor = await page.context().newPage();
    const told: string[] = [];
    visitor.on('console', (message) => {
      const [who, what] = message.text().split(' ');
      if (who === 'mirror' && what) told.push(what);
    });
    await prepareWorker(visitor, watched(cores, broken));
    await openReady(visitor, './?device=cpu');
    // Until it is ready, nobody waits for it.
    await expect.poll(() => told, name).toEqual(heard.slice(0, 2));
    for (const photo of ['cat.jpg', 'sheep.jpg']) {
      await segment(visitor, file(photo, sample(photo)));
      seen.push(await labels(visitor));
    }
    expect(told, name).toEqual(heard);
    await visitor.close();
  }
  const [cat, sheep] = seen;
  for (const [index, other] of seen.entries()) {
    const first = index % 2 === 0 ? cat : sheep;
    const differ = other.filter((value, at) => value !== first?.[at]).length;
    expect(differ / other.length, CASES[index >> 1]?.name).toBeLessThan(0.001);
  }
});

/** Makes the first worker see so many cores and tell what passes between it and the second, whose message `broken` is spoilt. */
function watched(cores: number, broken: string): string {
  return `Object.defineProperty(navigator, 'hardwareConcurrency', { value: ${cores} });
    const Plain = Worker;
    self.Worker = class extends Plain {
      constructor(...given) {
        super(...given);
        this.addEventListener('message', ({ data }) => console.log('mirror ' + data.type));
      }
      postMessage(message, ...rest) {
        console.log('mirror ' + message.type);
        super.postMessage(message.type === '${broken}' ? { ...message, manifestText: '', rgba: '' } : message, ...rest);
      }
    }`;
}

/** Which pixels carry a region. */
async function labels(page: Page): Promise<boolean[]> {
  const { width, height, values } = await pixels(page, 'overlay');
  return Array.from({ length: width * height }, (_, at) => (values[at * 4 + 3] ?? 0) > 0);
}
