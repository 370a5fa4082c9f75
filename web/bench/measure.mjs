/** The timing itself: contenders in turns, each cold start in a headless Chromium of its own. */

/**
 * Times all contenders.
 * @param {() => Promise<import('@playwright/test').Browser>} launch
 * @param {string} url of web/ as it is served
 * @param {import('./contenders.mjs').Contender[]} contenders
 * @param {{ photo: string, longSide: number, patch: number, cold: number, warm: number, unmeasured: number }} plan
 */
export async function measure(launch, url, contenders, { photo, longSide, patch, cold, warm, unmeasured }) {
  /** Calls `visit` with a page of a new browser, in which the picture is open and nothing compiled, on no GPU either. */
  const onPage = async (visit) => {
    const browser = await launch();
    try {
      const page = await browser.newPage();
      await page.goto(`${url}bench/index.html`);
      await page.waitForFunction(() => 'run' in window);
      const picture = await page.evaluate((given) => window.openPicture(...given), [url + photo, longSide, patch]);
      const timed = stopwatch(await browser.newBrowserCDPSession());
      return { picture, browser: browser.version(), result: await visit(page, timed) };
    } finally {
      await browser.close();
    }
  };
  const start = (page, { name, worker, options, files }) => {
    const urls = Object.fromEntries(Object.entries(files).map(([file, path]) => [file, url + path]));
    return page.evaluate((given) => window.start(given), { name, script: worker, files: urls, options });
  };

  const results = contenders.map(({ name }) => ({ name, cold: [], warm: [] }));
  for (let turn = 0; turn < cold; turn += 1) {
    for (const [index, contender] of contenders.entries()) {
      const { result } = await onPage((page, timed) => timed(() => start(page, contender)));
      results[index].cold.push(result);
      console.error(`cold ${turn + 1}/${cold} ${contender.name}: ${Math.round(result.milliseconds)} ms`);
    }
  }
  const { picture, browser } = await onPage(async (page, timed) => {
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
  });
  return { picture, browser, results };
}

/** For `work`: what it gives, with the milliseconds of processor time that a browser spent meanwhile. */
function stopwatch(system) {
  const spent = async () => {
    const { processInfo } = await system.send('SystemInfo.getProcessInfo');
    return processInfo.reduce((sum, { cpuTime }) => sum + 1000 * cpuTime, 0);
  };
  return async (work) => {
    const before = await spent();
    const result = await work();
    return { ...result, processor: (await spent()) - before };
  };
}
