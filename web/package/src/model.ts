import { chunks, request, Unreachable } from './bytes.ts';
import { sha256 } from './digest.ts';
import { type Manifest, type ModelFile, parseManifest } from './manifest.ts';
import { megabytes, Sentence } from './sentence.ts';

/** Begins the name of a model's cache, its manifest's address ends it; another format needs another beginning. */
const CACHE_NAME = 'dalnet-model-1';

/** A model, verified, as the engine takes it. */
export interface ModelBytes {
  readonly manifest: Manifest;
  /** The manifest as it was read: the engine parses it itself. */
  readonly manifestText: string;
  /** The manifest's files, one behind the other. */
  readonly weights: Uint8Array<ArrayBuffer>;
}

/**
 * Brings the model: from the browser's cache if it is there and intact, else over the network.
 * @throws Sentence when a file is missing, damaged or the download is interrupted.
 */
export async function fetchModel(
  manifestUrl: string,
  onBytes: (loaded: number, total: number) => void,
): Promise<ModelBytes> {
  if (!globalThis.crypto?.subtle) {
    throw new Sentence(
      'The model cannot be checked here: browsers allow that only over https or from localhost. Open the page there.',
    );
  }
  const cache = await openCache(manifestUrl);
  const manifestText = await readManifest(cache, manifestUrl);
  const manifest = parseManifest(manifestText, manifestUrl);
  const total = manifest.files.reduce((sum, file) => sum + file.bytes, 0);
  const weights = new Uint8Array(total);
  const kept = new Set([manifestUrl]);
  let offset = 0;
  onBytes(0, total);
  for (const file of manifest.files) {
    const start = offset;
    const target = weights.subarray(start, start + file.bytes);
    const key = new URL(file.path, manifestUrl);
    key.searchParams.set('sha256', file.sha256);
    kept.add(key.href);
    if (!(await fromCache(cache, key.href, target, file))) {
      const url = new URL(file.path, manifestUrl).href;
      await download(url, target, file, (loaded) => onBytes(start + loaded, total));
      await store(cache, key.href, target);
    }
    offset += file.bytes;
    onBytes(offset, total);
  }
  await store(cache, manifestUrl, manifestText);
  await dropOthers(cache, kept);
  return { manifest, manifestText, weights };
}

/** The manifest of the host, or without a connection the one of the last visit, whose files are verified like any. */
async function readManifest(cache: Cache | null, url: string): Promise<string> {
  try {
    return await (await request(url, 'The model’s manifest', { cache: 'no-cache' })).text();
  } catch (error) {
    const last = error instanceof Unreachable ? await cache?.match(url).catch(() => undefined) : undefined;
    if (!last) throw error;
    return last.text();
  }
}

async function download(
  url: string,
  target: Uint8Array<ArrayBuffer>,
  file: ModelFile,
  onBytes: (loaded: number) => void,
): Promise<void> {
  const what = 'the model';
  // What HTTP caches hold may be a damaged copy; the verified one is in our own cache.
  const response = await request(url, 'The model’s file of weights', { cache: 'no-cache' });
  let filled = 0;
  for await (const chunk of chunks(response, what, onBytes)) {
    if (filled + chunk.length > target.length) throw damaged(file, `it is longer than ${megabytes(file.bytes)}`);
    target.set(chunk, filled);
    filled += chunk.length;
  }
  if (filled < target.length) {
    const sizes = `${megabytes(filled)} of ${megabytes(file.bytes)}`;
    throw new Sentence(`The download of ${what} was interrupted after ${sizes}. Try again.`);
  }
  if ((await sha256(target)) !== file.sha256) throw damaged(file, 'its SHA-256 differs from the manifest’s');
}

function damaged(file: ModelFile, why: string): Sentence {
  return new Sentence(
    `The model’s file ${file.path} is damaged: ${why}. Try again; if that does not help, the model must be exported again.`,
  );
}

/** Private windows, embedded frames and full disks refuse the cache; all works without it. */
async function openCache(manifestUrl: string): Promise<Cache | null> {
  try {
    return await caches.open(`${CACHE_NAME} ${manifestUrl}`);
  } catch {
    return null;
  }
}

async function fromCache(
  cache: Cache | null,
  key: string,
  target: Uint8Array<ArrayBuffer>,
  file: ModelFile,
): Promise<boolean> {
  try {
    const response = await cache?.match(key);
    if (!cache || !response) return false;
    const bytes = new Uint8Array(await response.arrayBuffer());
    if (bytes.length === file.bytes && (await sha256(bytes)) === file.sha256) {
      target.set(bytes);
      return true;
    }
    await cache.delete(key);
  } catch {
    // An unreadable entry is worth as much as none.
  }
  return false;
}

async function store(cache: Cache | null, key: string, content: Uint8Array<ArrayBuffer> | string): Promise<void> {
  try {
    await cache?.put(key, new Response(content, { headers: { 'content-type': 'application/octet-stream' } }));
  } catch {
    // Over quota: the next visit downloads again.
  }
}

/** Removes the weights of models that this manifest named before. */
async function dropOthers(cache: Cache | null, kept: ReadonlySet<string>): Promise<void> {
  try {
    for (const entry of (await cache?.keys()) ?? []) {
      if (!kept.has(entry.url)) await cache?.delete(entry);
    }
  } catch {
    // Old entries only cost room.
  }
}
