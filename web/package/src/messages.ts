/**
 * What a segmenter and its worker say to each other: one discriminated union for each direction.
 * The worker owns the wasm engine and the GPU.
 */
import type { Stage } from './error.ts';
import type { DecodedPicture, DevicePreference, MapName, PictureSource, Progress, Question, Result } from './types.ts';

/** A picture to segment. The same number again is answered from what the engine remembers of the picture. */
export interface Job {
  readonly type: 'segment';
  readonly picture: number;
  readonly source: PictureSource;
  readonly name: string;
  readonly question: Question;
  /** Whether the decoded picture is wanted, too. */
  readonly wantsPicture: boolean;
}

/** What is known of a model once it is loaded. */
export interface ModelFacts {
  /** Names of the classes; the first has label 1. */
  readonly classes: readonly string[];
  /** The maps that can label the pixels. */
  readonly maps: readonly MapName[];
  /** The one of them that does unless another one is asked for. */
  readonly map: MapName;
  /** Whether regions follow the picture's edges unless something else is asked for. */
  readonly refines: boolean;
}

/** From the segmenter to the worker, which does one job after the other. */
export type ToWorker =
  | { readonly type: 'start'; readonly preference: DevicePreference; readonly manifestUrl: string }
  | Job;

/** Something broke, by itself or while a job was done. */
export interface Failure {
  readonly type: 'failed';
  readonly stage: Stage;
  readonly message: string;
}

/** From the worker to the segmenter; what is about a picture is about the job at hand. */
export type FromWorker =
  | Extract<Progress, { type: 'device' | 'download' | 'loading' }>
  | ({ readonly type: 'ready' } & ModelFacts)
  | { readonly type: 'picture'; readonly picture: DecodedPicture | null }
  | { readonly type: 'running' }
  | { readonly type: 'segmentation'; readonly result: Result }
  | Failure;

/** What the segmenter hears: the worker's messages, and that the client moved the work from the GPU to the CPU. */
export type FromClient = FromWorker | Extract<Progress, { type: 'fallback' }>;
