/** This project's engine, as the page's worker loads it. */
import { answer } from './contender.mjs';

answer(async (files, { device, manifest, refine }, passed) => {
  const { default: init, Engine } = await import('../package/src/engine/dalnet_web.js');
  await init({ module_or_path: files.engine });
  passed('engine');
  const engine = await Engine.load(manifest, new Uint8Array(files.model), device);
  passed('model');
  return async ({ rgba, width, height }) => {
    const { labels, confidence, timings } = await engine.segment(rgba, width, height, { refine });
    return { labels, confidence, network: timings.encode, refinement: refine ? timings.refine : undefined };
  };
});
