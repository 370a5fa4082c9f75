import type { Device } from '../package/src/index.ts';
import type { Photo } from './photo.ts';

/** How far the engine is. */
export type Phase =
  | { readonly kind: 'starting' }
  | { readonly kind: 'downloading'; readonly loaded: number; readonly total: number }
  | { readonly kind: 'loading' }
  | { readonly kind: 'ready' }
  /** The visitor stopped it. */
  | { readonly kind: 'stopped' }
  | { readonly kind: 'broken'; readonly problem: string };

/** What a session tells the page. */
export interface SessionListener {
  /** The engine came further, or failed. */
  phase(phase: Phase): void;
  /** The device is known; `note` says why it is not the one hoped for. */
  device(device: Device, label: string, note: string): void;
  /** Something about the queue changed: a photo came or went, another one is shown. */
  queue(): void;
  /** One photo came further. */
  photo(photo: Photo): void;
  /** A sentence that concerns no photo. */
  notice(sentence: string): void;
}
