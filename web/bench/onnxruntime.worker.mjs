/** onnxruntime-web with the same network, prepared and labelled as the engine does it. */
import { answer } from './contender.mjs';
import { labelled, normalised } from './mask.mjs';

const DIST = './node_modules/onnxruntime-web/dist';

answer(async (files, { device, manifest, threads }, passed) => {
  const ort = await import(`${DIST}/ort.${device === 'webgpu' ? 'webgpu' : 'wasm'}.min.mjs`);
  ort.env.wasm.wasmBinary = files.engine;
  ort.env.wasm.numThreads = threads;
  const spec = JSON.parse(manifest);
  // It brings up its wasm module when the first session asks for it.
  const session = await ort.InferenceSession.create(new Uint8Array(files.model), {
    executionProviders: [device === 'webgpu' ? 'webgpu' : 'wasm'],
    // Products in 32 bits, as the engine's: what enters a layer of 8-bit weights is not rounded to 8 bits as well.
    extra: { session: { qdq_matmulnbits_accuracy_level: '1' } },
  });
  passed('engine and model');
  return async ({ rgba, width, height }) => {
    const image = new ort.Tensor('float32', normalised(rgba, spec.normalisation), [1, 3, height, width]);
    const begin = performance.now();
    const outputs = await session.run({ image });
    const network = performance.now() - begin;
    return { ...labelled(outputs[spec.input.map].data, outputs.logits.data, spec), network };
  };
});
