/** Pictures that no sample folder has: made here, byte by byte. */
import { crc32, deflateSync } from 'node:zlib';

/** A PNG of any size whose sample number `i` of row `y` is `value(i, y)`, 0 to 1. */
export function png(
  width: number,
  height: number,
  kind: { bits: 8 | 16; channels: 1 | 3 | 4 },
  value: (sample: number, y: number) => number,
): Buffer {
  const samples = width * kind.channels;
  const bytes = kind.bits / 8;
  const row = samples * bytes + 1;
  const raw = Buffer.alloc(row * height);
  for (let y = 0; y < height; y++) {
    for (let i = 0; i < samples; i++) {
      const at = y * row + 1 + i * bytes;
      if (bytes === 2) raw.writeUInt16BE(Math.round(value(i, y) * 65535), at);
      else raw[at] = Math.round(value(i, y) * 255);
    }
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = kind.bits;
  header[9] = { 1: 0, 3: 2, 4: 6 }[kind.channels];
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  const content = deflateSync(raw, { level: 1 });
  return Buffer.concat([signature, chunk('IHDR', header), chunk('IDAT', content), chunk('IEND', Buffer.alloc(0))]);
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const framed = Buffer.alloc(body.length + 8);
  framed.writeUInt32BE(data.length, 0);
  body.copy(framed, 4);
  framed.writeUInt32BE(crc32(body), body.length + 4);
  return framed;
}

/** The JPEG with an EXIF segment that says how to turn it; 6 is a quarter to the right. */
export function withOrientation(jpeg: Buffer, orientation: number): Buffer {
  const tiff = Buffer.alloc(26);
  tiff.write('MM\0*', 0, 'latin1');
  tiff.writeUInt32BE(8, 4); // first directory
  tiff.writeUInt16BE(1, 8); // one entry
  tiff.writeUInt16BE(0x0112, 10); // Orientation
  tiff.writeUInt16BE(3, 12); // SHORT
  tiff.writeUInt32BE(1, 14);
  tiff.writeUInt16BE(orientation, 18);
  const body = Buffer.concat([Buffer.from('Exif\0\0', 'latin1'), tiff]);
  const head = Buffer.from([0xff, 0xe1, 0, 0]);
  head.writeUInt16BE(body.length + 2, 2);
  return Buffer.concat([jpeg.subarray(0, 2), head, body, jpeg.subarray(2)]);
}
