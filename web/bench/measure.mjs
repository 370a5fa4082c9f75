/** The timing itself: contenders in turns, each on pages of one headless Chromium. */

/**
 * Times all contenders.
 * @param {import('@playwright/test').Browser} browser
 * @param {string} url of web/ as it is served
 * @param {import('./contenders.mjs').Contender[]} contenders
 * @param {{ photo: string, longSide: number, patch: number, cold: number, warm: number, unmeasured: number }} plan
 */
export async function measure(browser, url, contenders, { photo, longSide, patch, cold, warm, unmeasured }) {
  /** Calls `visit` with a page of its own process, in which the picture is open. */
  const onPage = async (visit) => {
    const context = await browser.newContext();
    try {
      const page = await context.newPage();
      await page.goto(`${url}bench/index.html`);
      await page.waitForFunction(() => 'run' in window);
      const picture = await page.evaluate((given) => window.openPicture(...given), [url + photo, longSide, patch]);
      return await visit(page, picture);
    } finally {
      await context.close();
    }
  };
  const start = (page, { name, worker, options, files }) => {
    const urls = Object.fromEntries(Object.entries(files).map(([file, path]) => [file, url + path]));
    return page.evaluate((given) => window.start(given), { name, script: worker, files: urls, options });
  };

  const system = await browser.newBrowserCDPSession();
  /** What `work` gives, with the milliseconds of processor time that the browser spent meanwhile. */
  const timed = async (work) => {
    const spent = async () => {
      const { processInfo } = await system.send('SystemInfo.getProcessInfo');
      return processInfo.reduce((sum, { cpuTime }) => sum + 1000 * cpuTime, 0);
    };
    const before = await spent();
    const result = await work();
    return { ...result, processor: (await spent()) - before };
  };

  const results = contenders.map(({ name }) => ({ name, cold: [], warm: [] }));
  for (let turn = 0; turn < cold; turn += 1) {
    for (const [index, contender] of contenders.entries()) {
      const result = await onPage((page) => timed(() => start(page, contender)));
      results[index].cold.push(result);
      console.error(`cold ${turn + 1}/${cold} ${contender.name}: ${Math.round(result.milliseconds)} ms`);
    }
  }
  const picture = await onPage(async (page, opened) => {
    for (const contender of contenders) await start(page, contender);
    for (let turn = -unmeasured; turn < warm; turn += 1) {
      for (const { name, warm } of results) {
        // Threads of the one before may still spin.
        await page.waitForTimeout(100);
        const result = await timed(() => page.evaluate((given) => window.run(given), name));
        if (turn >= 0) warm.push(result);
      }
      console.error(turn < 0 ? 'warming up' : `warm ${turn + 1}/${warm}`);
    }
    return opened;
  });
  return { picture, results };
}
