/**
 * A static host as plain as they come: no special headers, the site in a sub-folder, 404 for everything else.
 * `npm run preview` serves web/dist with it; tests and benchmarks start it as they need it.
 */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Folder of the site on the host. */
export const SUB_PATH = '/some/folder/';

const TYPES = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.jpg': 'image/jpeg',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.md': 'text/markdown; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
};

/**
 * Serves `folder` below `SUB_PATH` on localhost; port 0 takes a free one. `cutOnce` names an ending of a path: the
 * first answer to such a path stops in the middle and breaks off after four seconds. `hear` is told of every request.
 * `headers` go with every file.
 * @param {string} folder
 * @param {number} port
 * @param {{
 *   cutOnce?: string,
 *   hear?: (request: import('node:http').IncomingMessage) => void,
 *   headers?: Record<string, string>,
 * }} [options]
 * @returns {Promise<{ url: string, close: () => void }>}
 */
export async function serve(folder, port, { cutOnce, hear, headers } = {}) {
  let cut = cutOnce;
  const server = createServer(async (request, response) => {
    hear?.(request);
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname);
    const inside = path.startsWith(SUB_PATH) ? path.slice(SUB_PATH.length) || 'index.html' : null;
    const file = inside === null ? null : join(folder, normalize(`/${inside}`));
    const found = file === null ? null : await stat(file).catch(() => null);
    if (!file || !found?.isFile()) {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('not found');
      return;
    }
    response.writeHead(200, {
      ...headers,
      'content-type': TYPES[extname(file)] ?? 'application/octet-stream',
      'content-length': found.size,
    });
    if (cut && path.endsWith(cut)) {
      cut = undefined;
      const half = createReadStream(file, { end: Math.floor(found.size / 2) });
      half.pipe(response, { end: false });
      half.on('end', () => setTimeout(() => response.destroy(), 4000));
      return;
    }
    createReadStream(file).pipe(response);
  });
  await new Promise((resolve, reject) =>
    server.once('error', reject).listen(port, '127.0.0.1', () => resolve(undefined)),
  );
  const address = server.address();
  const bound = typeof address === 'object' && address ? address.port : port;
  return { url: `http://localhost:${bound}${SUB_PATH}`, close: () => server.closeAllConnections?.() ?? server.close() };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { url } = await serve(fileURLToPath(new URL('../dist', import.meta.url)), Number(process.env.PORT ?? 4173));
  console.log(`serving ${url}`);
}
