import type { LabelMap } from './label-map.ts';

/**
 * Writes a label map as a palette PNG: the stored value of a pixel is its label, shown in the colours of the PASCAL
 * VOC development kit. Canvases can only write true-colour files, which lose the label.
 */
export async function encodeMask({ width, height, labels }: LabelMap): Promise<Blob> {
  const header = new DataView(new ArrayBuffer(13));
  header.setUint32(0, width);
  header.setUint32(4, height);
  header.setUint8(8, 8); // bits per pixel
  header.setUint8(9, 3); // palette indices
  const rows = new Uint8Array((width + 1) * height);
  for (let y = 0; y < height; y++) {
    rows.set(labels.subarray(y * width, (y + 1) * width), y * (width + 1) + 1);
  }
  const packed = new Blob([rows]).stream().pipeThrough(new CompressionStream('deflate'));
  const data = new Uint8Array(await new Response(packed).arrayBuffer());
  const signature = new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return new Blob(
    [
      signature,
      chunk('IHDR', new Uint8Array(header.buffer)),
      chunk('PLTE', vocPalette()),
      chunk('IDAT', data),
      chunk('IEND', new Uint8Array()),
    ],
    { type: 'image/png' },
  );
}

/** The 256 colours of VOC's `VOClabelcolormap`: the bits of an index are dealt to red, green and blue in turn. */
function vocPalette(): Uint8Array {
  const palette = new Uint8Array(256 * 3);
  for (let index = 0; index < 256; index++) {
    for (let bits = index, shift = 7; bits > 0; bits >>= 3, shift--) {
      for (let channel = 0; channel < 3; channel++) {
        palette[index * 3 + channel] = (palette[index * 3 + channel] ?? 0) | (((bits >> channel) & 1) << shift);
      }
    }
  }
  return palette;
}

function chunk(type: string, data: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(data.length + 12);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, data.length);
  bytes.set(new TextEncoder().encode(type), 4);
  bytes.set(data, 8);
  view.setUint32(data.length + 8, crc32(bytes.subarray(4, data.length + 8)));
  return bytes;
}

/** CRC of the PNG specification, annex D. */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}
