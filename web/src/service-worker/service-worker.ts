/**
 * Keeps the page's own files by the hash of their content, so that a later visit needs no connection. The model has
 * a cache of its own (model.ts). Files of another build are dropped when no other tab may need them any more.
 */
import { sha256 } from '../../package/src/digest.ts';

declare const self: ServiceWorkerGlobalScope;

/** SHA-256 of every file of this build by its path in the site; the build writes it in. */
declare const SHIPPED: Readonly<Record<string, string>>;

/** Name of the cache of files; another format of its entries needs another name. */
const CACHE_NAME = 'dalnet-page-1';

/** A host that has not begun to answer after this many milliseconds counts as out of reach. */
const PATIENCE = 4000;

const FRONT = 'index.html';
const scope = new URL(self.registration.scope);
/** The build puts the whole table wherever its name stands, so that is here alone. */
const hashes = new Map(Object.entries(SHIPPED));
const keys = new Map(Array.from(hashes, ([path, hash]) => [path, new URL(`${path}?sha256=${hash}`, scope).href]));

self.addEventListener('install', (event) => event.waitUntil(keepAll()));
self.addEventListener('activate', (event) => event.waitUntil(dropOthers()));
self.addEventListener('fetch', (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== 'GET' || url.origin !== scope.origin || !url.pathname.startsWith(scope.pathname)) return;
  const key = keys.get(url.pathname.slice(scope.pathname.length) || FRONT);
  if (key) event.respondWith(request.mode === 'navigate' ? newest(request, key) : kept(request, key));
});

/** One file after the other: the page may still be downloading. */
async function keepAll(): Promise<void> {
  const cache = await caches.open(CACHE_NAME);
  for (const [path, key] of keys) {
    if (!(await cache.match(key))) await cache.put(key, await intact(path));
  }
  // The only tab has just loaded this build; where there are more, one may still need the files of the last.
  const tabs = await self.clients.matchAll({ type: 'window', includeUncontrolled: true });
  if (tabs.length <= 1) await self.skipWaiting();
}

async function intact(path: string): Promise<Response> {
  // Names in `assets` change with the content, so what the browser has just loaded for the page serves again.
  const mode = path.startsWith('assets/') ? 'default' : 'no-cache';
  const response = await fetch(new URL(path === FRONT ? '' : path, scope), { cache: mode });
  const bytes = await response.arrayBuffer();
  if (!response.ok || (await sha256(bytes)) !== hashes.get(path)) throw new Error(`${path} is not of this build`);
  return new Response(bytes, { headers: { 'content-type': response.headers.get('content-type') ?? '' } });
}

async function dropOthers(): Promise<void> {
  const cache = await caches.open(CACHE_NAME);
  const ours = new Set(keys.values());
  for (const entry of await cache.keys()) if (!ours.has(entry.url)) await cache.delete(entry);
}

/** The page itself comes from the host where that can be reached: it names the files of the newest build. */
async function newest(request: Request, key: string): Promise<Response> {
  try {
    return await fetch(request, { signal: AbortSignal.timeout(PATIENCE) });
  } catch {
    return (await fromCache(key)) ?? Response.error();
  }
}

async function kept(request: Request, key: string): Promise<Response> {
  return (await fromCache(key)) ?? fetch(request);
}

async function fromCache(key: string): Promise<Response | undefined> {
  try {
    return await (await caches.open(CACHE_NAME)).match(key);
  } catch {
    // A browser that took the cache away again.
    return undefined;
  }
}
