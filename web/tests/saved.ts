/** Reads back what the page saved. */
import { readFileSync } from 'node:fs';
import { crc32, inflateSync } from 'node:zlib';
import type { Page } from '@playwright/test';
import { expect } from './fixtures.ts';

/** A picture of numbers: one (labels) or four (red, green, blue, alpha) for each pixel. */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly values: ArrayLike<number>;
}

/** Presses the button named `name` and gives the file that comes of it. */
export async function saved(page: Page, name: string): Promise<{ name: string; bytes: Buffer }> {
  const event = page.waitForEvent('download');
  await page.getByRole('button', { name, exact: true }).click();
  const download = await event;
  return { name: download.suggestedFilename(), bytes: readFileSync(await download.path()) };
}

/** The labels of a palette PNG without filters, as the page writes it. */
export function labelsOf(bytes: Buffer): Pixels {
  const chunks = new Map<string, Buffer>();
  for (let at = 8; at < bytes.length; at += 12 + bytes.readUInt32BE(at)) {
    const end = at + 8 + bytes.readUInt32BE(at);
    expect(bytes.readUInt32BE(end), 'checksum of a chunk').toBe(crc32(bytes.subarray(at + 4, end)));
    chunks.set(bytes.toString('latin1', at + 4, at + 8), bytes.subarray(at + 8, end));
  }
  const header = chunks.get('IHDR') ?? Buffer.alloc(13);
  const [width, height] = [header.readUInt32BE(0), header.readUInt32BE(4)];
  expect(header.readUInt8(9), 'colour type: palette').toBe(3);
  const palette = [...(chunks.get('PLTE') ?? [])];
  expect(palette.slice(3, 6), 'first VOC colour').toEqual([128, 0, 0]);
  expect(palette.slice(60, 63), 'last VOC colour').toEqual([0, 64, 128]);
  const raw = inflateSync(chunks.get('IDAT') ?? Buffer.alloc(0));
  const values = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) values.set(raw.subarray(y * (width + 1) + 1, (y + 1) * (width + 1)), y * width);
  return { width, height, values };
}

/** A picture as the browser decodes it; by name, the pixels of one of the page's canvases. */
export async function pixels(page: Page, source: Buffer | 'photo' | 'overlay'): Promise<Pixels> {
  const asked = typeof source === 'string' ? { id: source } : { base64: source.toString('base64') };
  const { width, height, base64 } = await page.evaluate(async ({ id, base64 }: { id?: string; base64?: string }) => {
    const bytes = (text: string) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const picture = id
      ? (document.getElementById(id) as HTMLCanvasElement)
      : await createImageBitmap(new Blob([bytes(base64 ?? '')]));
    const canvas = new OffscreenCanvas(picture.width, picture.height);
    const context = canvas.getContext('2d');
    context?.drawImage(picture, 0, 0);
    const data = context?.getImageData(0, 0, canvas.width, canvas.height).data ?? new Uint8ClampedArray();
    let text = '';
    for (let at = 0; at < data.length; at += 8192) text += String.fromCharCode(...data.subarray(at, at + 8192));
    return { width: canvas.width, height: canvas.height, base64: btoa(text) };
  }, asked);
  return { width, height, values: Buffer.from(base64, 'base64') };
}

/** The files of a zip that holds them as they are, by name (PKWARE's APPNOTE, sections 4.3.7 and 4.3.12). */
export function unzipped(bytes: Buffer): Map<string, Buffer> {
  const files = new Map<string, Buffer>();
  const end = bytes.lastIndexOf(Buffer.from('PK\x05\x06', 'latin1'));
  let at = bytes.readUInt32LE(end + 16);
  for (let left = bytes.readUInt16LE(end + 10); left > 0; left--) {
    expect(bytes.readUInt16LE(at + 10), 'stored, not compressed').toBe(0);
    const [size, nameLength, extra, comment] = [
      bytes.readUInt32LE(at + 20),
      bytes.readUInt16LE(at + 28),
      bytes.readUInt16LE(at + 30),
      bytes.readUInt16LE(at + 32),
    ];
    const local = bytes.readUInt32LE(at + 42);
    const start = local + 30 + bytes.readUInt16LE(local + 26) + bytes.readUInt16LE(local + 28);
    const content = bytes.subarray(start, start + size);
    expect(bytes.readUInt32LE(at + 16), 'checksum of a file').toBe(crc32(content));
    files.set(bytes.toString('utf8', at + 46, at + 46 + nameLength), content);
    at += 46 + nameLength + extra + comment;
  }
  return files;
}
