/** Looks, anchors and file checks: plain functions, tested without a browser. */

import { isWhole } from '../package/src/picture-file.ts';
import { anchors } from '../src/overlay.ts';
import { looksOf } from '../src/palette.ts';
import { expect, sample, test } from './fixtures.ts';
import { png, withOrientation } from './pictures.ts';

test('twenty classes in one photo have twenty looks', () => {
  const labels = Array.from({ length: 20 }, (_, index) => index + 1);
  const looks = [...looksOf(labels).values()].map((look) => JSON.stringify(look));
  expect(new Set(looks).size).toBe(20);
});

test('a name stands in the middle of the widest part of its region', () => {
  const labels = new Uint8Array(8 * 4);
  for (let y = 0; y < 4; y++) for (let x = 4; x < 8; x++) labels[y * 8 + x] = 3;
  labels[0] = 2;
  expect(anchors({ width: 8, height: 4, labels })).toEqual([
    { label: 2, x: 0.0625, y: 0.125, size: 0.125 },
    { label: 3, x: 0.75, y: 0.5, size: 0.5 },
  ]);
});

test('files that are cut short are found out', () => {
  const cat = sample('cat.jpg');
  const square = png(20, 20, { bits: 8, channels: 3 }, () => 0.2);
  for (const whole of [cat, withOrientation(cat, 6), Buffer.concat([cat, Buffer.alloc(5000, 7)]), square]) {
    expect(isWhole(whole)).toBe(true);
    for (const part of [0.3, 0.7]) {
      if (whole !== cat && whole.length > cat.length + 4000) continue;
      expect(isWhole(whole.subarray(0, Math.floor(whole.length * part)))).toBe(false);
    }
  }
  expect(isWhole(Buffer.from('plain text'))).toBe(null);
});
