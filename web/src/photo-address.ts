import { request } from '../package/src/bytes.ts';
import { Sentence } from '../package/src/sentence.ts';
import type { Incoming } from './intake.ts';

/**
 * Brings the photo that the page's address names by `?photo=`: a path, or an address on the page's own host.
 * @throws Sentence when it lies elsewhere, where the page's security policy lets nothing come from, or is missing.
 */
export async function fetchPhoto(asked: string, page: URL): Promise<Incoming> {
  const url = URL.parse(asked, page.href);
  if (!url) throw new Sentence(`“${asked}” in this page’s address is no address of a photo.`);
  if (url.origin !== page.origin) {
    throw new Sentence(
      `The photo at ${url.host || url.protocol} is not opened: this page talks to its own host alone. Save it, then drop the file here.`,
    );
  }
  const response = await request(url.href, `The photo ${asked}`);
  const name = decodeName(url.pathname.split('/').pop() ?? '');
  return { file: await response.blob(), name: name || 'photo' };
}

/** A file name without percent signs, where that is possible. */
function decodeName(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
