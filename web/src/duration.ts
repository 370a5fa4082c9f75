import type { Device } from '../package/src/index.ts';

/** A duration in the unit that people read: `812 ms` or `1.2 s`. */
export function seconds(milliseconds: number): string {
  return milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
}

/** Where the engine computes, as a part of a sentence. */
export function wordsFor(device: Device): string {
  return device === 'webgpu' ? 'with WebGPU' : 'on the CPU';
}
