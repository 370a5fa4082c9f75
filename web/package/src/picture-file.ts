/**
 * Whether a file of pictures is all there. Browsers show the upper part of a truncated JPEG without a word, and a
 * segmentation of half a photo would look like a bad model.
 */

/** `true` for a complete JPEG or PNG, `false` for one that is cut short, `null` for any other kind of file. */
export function isWhole(bytes: Uint8Array): boolean | null {
  if (bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff) return isWholeJpeg(bytes);
  if (bytes[0] === 0x89 && bytes[1] === 0x50 && bytes[2] === 0x4e && bytes[3] === 0x47) return isWholePng(bytes);
  return null;
}

/**
 * Walks the markers to the end-of-image marker (ITU-T T.81, annex B). Looking for its two bytes alone is not enough:
 * an embedded thumbnail has its own, and phones append films behind the real one.
 */
function isWholeJpeg(bytes: Uint8Array): boolean {
  let at = 2;
  while (at + 1 < bytes.length) {
    const marker = bytes[at + 1] ?? 0;
    if (bytes[at] !== 0xff || marker === 0x00 || (marker >= 0xd0 && marker <= 0xd7) || marker === 0x01) {
      // Inside entropy-coded data: on to the next byte that may begin a marker.
      at = bytes.indexOf(0xff, at + 1);
      if (at < 0) return false;
    } else if (marker === 0xd9) {
      return true;
    } else if (marker === 0xff) {
      at += 1;
    } else {
      at += 2 + ((bytes[at + 2] ?? 0) << 8) + (bytes[at + 3] ?? 0);
    }
  }
  return false;
}

/** Walks the chunks to IEND (PNG specification, section 5). */
function isWholePng(bytes: Uint8Array): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const IEND = 0x49454e44;
  for (let at = 8; at + 12 <= bytes.length; at += 12 + view.getUint32(at)) {
    if (view.getUint32(at + 4) === IEND) return true;
  }
  return false;
}
