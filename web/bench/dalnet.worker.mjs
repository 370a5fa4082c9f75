/** This project's engine, as the page's worker loads it: on the CPU with a second worker for half of the work. */
import { answer } from './contender.mjs';

answer(async (files, { device, manifest, refine, workers }, passed) => {
  const [{ default: init, Engine }, { Mirror }] = await Promise.all([
    import('../package/dist/engine/dalnet_web.js'),
    import('../package/dist/mirror.js'),
  ]);
  const [module, weights] = [await WebAssembly.compile(files.engine), new Uint8Array(files.model)];
  await init({ module_or_path: module });
  passed('engine');
  const mirror = workers > 1 ? Mirror.start(module, { manifestText: manifest, weights }) : null;
  const engine = await Engine.load(manifest, weights, device);
  passed('model');
  return async ({ rgba, width, height }) => {
    const mirrored = mirror?.of({ rgba, width, height });
    const { labels, confidence, timings } = await engine.segment(rgba, width, height, { refine }, mirrored);
    return { labels, confidence, network: timings.encode, refinement: refine ? timings.refine : undefined };
  };
});
