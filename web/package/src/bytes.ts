import { megabytes, Sentence, textOf } from './sentence.ts';

/** Without a byte for this long, a download counts as interrupted. */
const STALL_MS = 30_000;

/** The host cannot be reached. */
export class Unreachable extends Sentence {
  override name = 'Unreachable';
}

/** Told after every chunk how many bytes of a download have arrived so far. */
export type OnBytes = (loaded: number) => void;

/**
 * Asks for `url`.
 * @throws Unreachable when there is no connection.
 * @throws Sentence when the host has no such file.
 */
export async function request(url: string, what: string, init: RequestInit = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, init);
  } catch {
    throw new Unreachable(
      `${what} could not be downloaded: no connection to ${new URL(url).host}. Check it, then try again.`,
    );
  }
  if (!response.ok) {
    throw new Sentence(`${what} is missing: the host answered ${response.status} for ${new URL(url).pathname}.`);
  }
  return response;
}

/**
 * The body of a response chunk by chunk; reports every byte and gives up on a connection that went silent.
 * @throws Sentence when the connection breaks or stalls.
 */
export async function* chunks(response: Response, what: string, onBytes: OnBytes): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader();
  if (!reader) throw new Sentence(`${what} came without content. Try again.`);
  let loaded = 0;
  const interrupted = (why: string) =>
    new Sentence(`The download of ${what} was interrupted after ${megabytes(loaded)} (${why}). Try again.`);
  try {
    for (;;) {
      const stalled = Promise.withResolvers<never>();
      const timer = setTimeout(() => stalled.reject(new Error('no data for 30 seconds')), STALL_MS);
      let next: ReadableStreamReadResult<Uint8Array>;
      try {
        next = await Promise.race([reader.read(), stalled.promise]);
      } catch (error) {
        throw interrupted(textOf(error));
      } finally {
        clearTimeout(timer);
      }
      if (next.done) return;
      loaded += next.value.length;
      onBytes(loaded);
      yield next.value;
    }
  } finally {
    // A broken stream refuses to be cancelled; there is nothing left to release then.
    reader.cancel().catch(() => undefined);
  }
}

/** One bar for several downloads that run side by side; it speaks once the size of each is known. */
export class ByteCount {
  readonly #parts: { loaded: number; total: number | null }[];
  readonly #report: (loaded: number, total: number) => void;
  #lastReport = 0;

  /** Counts `parts` downloads and hands the sums, in bytes, to `report`, at most about 20 times a second. */
  constructor(parts: number, report: (loaded: number, total: number) => void) {
    this.#parts = Array.from({ length: parts }, () => ({ loaded: 0, total: null }));
    this.#report = report;
  }

  /** States that part number `part` has `loaded` of `total` bytes. */
  set(part: number, loaded: number, total: number): void {
    this.#parts[part] = { loaded, total };
    let sumLoaded = 0;
    let sumTotal = 0;
    for (const each of this.#parts) {
      if (each.total === null) return;
      sumLoaded += each.loaded;
      sumTotal += each.total;
    }
    const now = performance.now();
    if (sumLoaded < sumTotal && now - this.#lastReport < 50) return;
    this.#lastReport = now;
    this.#report(sumLoaded, sumTotal);
  }
}
