/**
 * The second worker on the CPU: its engine runs the network on mirror images while the first one's does on the pictures.
 * They share the compiled module and no memory, which would take headers that plain hosts do not send.
 */
import init, { Engine } from './engine/dalnet_web.js';
import type { FromMirror, ToMirror } from './mirror.ts';

let engine: Promise<Engine>;

self.addEventListener('message', async ({ data }: MessageEvent<ToMirror>) => {
  try {
    if (data.type === 'start') {
      engine = start(data);
      await engine;
      post({ type: 'ready' });
      return;
    }
    const numbers = await (await engine).mirror_image(data.rgba, data.width, data.height);
    post({ type: 'numbers', numbers }, [numbers.buffer]);
  } catch {
    post({ type: 'failed' });
  }
});
// A panic inside an async wasm call never settles its promise, but reaches this event.
self.addEventListener('unhandledrejection', () => post({ type: 'failed' }));

async function start({ module, manifestText, weights }: Extract<ToMirror, { type: 'start' }>): Promise<Engine> {
  await init({ module_or_path: module });
  return Engine.load(manifestText, weights, 'cpu');
}

function post(message: FromMirror, transfer: Transferable[] = []): void {
  self.postMessage(message, { transfer });
}
