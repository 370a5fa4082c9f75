/**
 * What both workers have in common: they answer `start` (from bytes to the first mask) and `run` (one more mask), and
 * know how much wasm memory they hold.
 */

/** Every linear memory that was made here; they grow and never shrink, so their sum is the most that was held. */
const memories = new Set();

const instantiate = WebAssembly.instantiate;
WebAssembly.instantiate = async (source, imports) => {
  const result = await instantiate(source, imports);
  const modules = [...Object.values(imports ?? {}), (result.instance ?? result).exports];
  for (const value of modules.flatMap((module) => Object.values(module))) {
    if (value instanceof WebAssembly.Memory) memories.add(value);
  }
  return result;
};

/**
 * @typedef {{ rgba: Uint8ClampedArray, width: number, height: number }} Picture upright and opaque, of the network's
 *   input size.
 * @typedef {{ labels: Uint8Array, confidence: Uint8Array, network: number, refinement?: number }} Mask with the
 *   milliseconds of the network alone, and of the refinement if there was one.
 * @typedef {(files: Record<string, ArrayBuffer>, options: Record<string, any>, passed: (phase: string) => void) =>
 *   Promise<(picture: Picture) => Promise<Mask>>} Open compiles and loads, `passed` marks the end of a phase.
 */

/**
 * Lets the page drive an engine.
 * @param {Open} open
 */
export function answer(open) {
  /** @type {(picture: Picture) => Promise<Mask>} */
  let segment;

  async function start({ files, options, picture }) {
    const begin = performance.now();
    const phases = {};
    let last = begin;
    const passed = (phase) => {
      const now = performance.now();
      phases[phase] = now - last;
      last = now;
    };
    segment = await open(files, options, passed);
    const mask = await segment(picture);
    passed('first mask');
    return { milliseconds: last - begin, phases, mask, memory: memory() };
  }

  async function run({ picture }) {
    const begin = performance.now();
    const mask = await segment(picture);
    return { milliseconds: performance.now() - begin, mask, memory: memory() };
  }

  const memory = () => [...memories].reduce((sum, { buffer }) => sum + buffer.byteLength, 0);
  self.addEventListener('message', async ({ data }) => {
    try {
      self.postMessage({ result: await (data.type === 'start' ? start(data) : run(data)) });
    } catch (error) {
      self.postMessage({ error: String(error?.stack ?? error) });
    }
  });
  self.postMessage({ result: 'ready' });
}
