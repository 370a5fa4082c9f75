/**
 * What the page and its worker say to each other: one discriminated union for each direction.
 * The worker owns the wasm engine and the GPU; the page only draws.
 */

/** Where the engine computes. */
export type Device = 'webgpu' | 'cpu';

/** What the visitor asked for: a device, or whatever is best here. */
export type DevicePreference = Device | 'auto';

/** One class that the engine found in the picture. */
export interface ClassResult {
  /** Value in the label map: 1 for the manifest's first class; 0 is the background. */
  readonly index: number;
  /** Name in the manifest. */
  readonly name: string;
  /** How sure the engine is that the class is in the picture, 0 to 1. */
  readonly score: number;
  /** Part of the picture that carries this label, 0 to 1. */
  readonly share: number;
}

/** The engine's answer about one picture. */
export interface Segmentation {
  /** Width of the label map in pixels; equal to the picture that was handed over. */
  readonly width: number;
  /** Height of the label map in pixels. */
  readonly height: number;
  /** Row by row, `width * height` values: 0 background, 1.. classes. */
  readonly labels: Uint8Array;
  /** How sure each label is, 0 to 255, in the order of `labels`. */
  readonly confidence: Uint8Array;
  /** The classes of this answer. */
  readonly classes: readonly ClassResult[];
  /** Milliseconds by stage. */
  readonly timings: Readonly<Record<string, number>>;
}

/** A map of the network that can label the pixels; the engine's `maps` lists those that its model has. */
export type MapName = 'cam' | 'auxiliary_cam' | 'segmentation' | 'fused';

/** How strongly one class is seen at every pixel of the picture, by one map: the engine's `heat`. */
export interface Heat {
  readonly width: number;
  readonly height: number;
  /** Row by row, 0 to 255. */
  readonly values: Uint8Array;
}

/** How near every patch of the picture is to every text: the engine's `similarity`. */
export interface Similarity {
  /** Of the grid of patches. */
  readonly rows: number;
  readonly columns: number;
  /** What the texts name: the model's classes, then the background. */
  readonly names: readonly string[];
  /** Cosines, -1 to 1: `rows * columns` values for each name, row by row. */
  readonly values: Float32Array;
}

/** What the engine may be asked: the optional fields keep the model's own settings. */
export interface Options {
  /** Labels (1..) to choose from; without it, the classes that the model predicts. */
  readonly classes?: readonly number[];
  /** Score below which a pixel is background, 0 to 1; without it, the manifest's threshold. */
  readonly background_threshold?: number;
  /** The map that labels the pixels; without it, the model's own. */
  readonly map?: MapName;
  /** Whether the map follows the picture's edges; without it, as the model has it. */
  readonly refine?: boolean;
}

/** How the page wants photos answered, whichever is shown. */
export interface Wish {
  /** Whether regions follow the picture's edges; `null` as the model has it. */
  readonly refine: boolean | null;
  /** Whether each class of the legend comes with its map. */
  readonly heats: boolean;
}

/** A photo to segment. The same photo again is answered from what the engine remembers of it. */
export interface Job {
  readonly type: 'segment';
  readonly photo: number;
  /** A file, or a frame of the camera. */
  readonly source: Blob | ImageBitmap;
  readonly name: string;
  /** Labels (1..) to choose from; `null` leaves the choice to the model. */
  readonly classes: readonly number[] | null;
  /** Whether regions follow the picture's edges; `null` as the model has it. */
  readonly refine: boolean | null;
  /** Labels (1..) whose maps are wanted. */
  readonly heats: readonly number[];
}

/** What the engine found out about one photo. */
export interface Findings {
  readonly segmentation: Segmentation;
  /** Whether the regions follow the picture's edges. */
  readonly refined: boolean;
  /** The maps that were wanted, by label. */
  readonly heats: ReadonlyMap<number, Heat>;
  /** `null` for a model that was not trained with texts. */
  readonly similarity: Similarity | null;
}

/** From the page to the worker, which does one job after the other. */
export type ToWorker =
  | { readonly type: 'start'; readonly preference: DevicePreference; readonly manifestUrl: string }
  | Job;

/**
 * What went wrong: `model` a file of the model (try again may help), `engine` the wasm module or the device,
 * `run` the answer to one photo, `picture` the visitor's file.
 */
export type Stage = 'model' | 'engine' | 'run' | 'picture';

/** From the worker to the page. */
export type FromWorker =
  | { readonly type: 'device'; readonly device: Device; readonly label: string; readonly note: string }
  | { readonly type: 'download'; readonly loaded: number; readonly total: number }
  | { readonly type: 'loading' }
  | {
      readonly type: 'ready';
      readonly classes: readonly string[];
      /** Whether regions follow the picture's edges unless the page wants it otherwise. */
      readonly refines: boolean;
    }
  | {
      readonly type: 'picture';
      readonly photo: number;
      readonly bitmap: ImageBitmap;
      readonly sourceWidth: number;
      readonly sourceHeight: number;
    }
  | { readonly type: 'running'; readonly photo: number }
  | {
      readonly type: 'segmentation';
      readonly photo: number;
      readonly milliseconds: number;
      /** Whether the encoder ran, rather than the engine's memory of the photo. */
      readonly encoded: boolean;
      readonly findings: Findings;
    }
  | { readonly type: 'failed'; readonly stage: Stage; readonly photo: number | null; readonly message: string };

/** What the page hears: the worker's messages, and that the client moved the work from the GPU to the CPU. */
export type ToPage = FromWorker | { readonly type: 'fallback'; readonly reason: string };
