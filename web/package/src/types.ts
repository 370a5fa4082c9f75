/** Where the engine computes. */
export type Device = 'webgpu' | 'cpu';

/** What is asked for: a device, or whatever is best here. */
export type DevicePreference = Device | 'auto';

/** What a picture may come as: a file as it was downloaded or chosen, or pixels that are decoded already. */
export type PictureSource = Blob | ImageBitmap | ImageData;

/** A map of the network that can label the pixels; a segmenter's `maps` lists those that its model has. */
export type MapName = 'cam' | 'auxiliary_cam' | 'segmentation' | 'fused';

/** What happens to the engine, in this order; after `fallback` it all happens once more, on the CPU. */
export type Progress =
  /** The device is chosen; `label` names it, `note` says why it is not the one hoped for, or is empty. */
  | { readonly type: 'device'; readonly device: Device; readonly label: string; readonly note: string }
  /** So many bytes of engine and model have arrived, of `total`. */
  | { readonly type: 'download'; readonly loaded: number; readonly total: number }
  /** All bytes are there, and the device takes the model in. */
  | { readonly type: 'loading' }
  /** Pictures are segmented from now on. */
  | { readonly type: 'ready' }
  /** WebGPU failed; what was asked and not answered is not lost. */
  | { readonly type: 'fallback'; readonly reason: string }
  /** Nothing will be segmented any more: load another segmenter to try again. `message` is a sentence. */
  | { readonly type: 'failed'; readonly message: string };

/** How a segmenter is loaded. */
export interface LoadOptions {
  /**
   * The device to compute on; `auto`, the default, takes WebGPU where it works. Where WebGPU is missing or fails, the
   * CPU computes in its place.
   */
  readonly device?: DevicePreference;
  /** Hears how far the engine is, also after it was ready. */
  readonly onProgress?: (progress: Progress) => void;
  /** Closes the segmenter when it is aborted, also after it was ready. */
  readonly signal?: AbortSignal;
}

/** What is asked about a picture; a field that is left out keeps the model's own setting. */
export interface Question {
  /** Labels (1..) to choose from; without it, the classes that the model predicts. */
  readonly classes?: readonly number[];
  /** Score below which a pixel is background, 0 to 1. */
  readonly backgroundThreshold?: number;
  /** The map that labels the pixels, and of which `heats` are. */
  readonly map?: MapName;
  /** Whether that map follows the picture's edges. */
  readonly refine?: boolean;
  /** Labels (1..) whose maps are wanted as well; none without it. */
  readonly heats?: readonly number[];
}

/** How one picture is segmented. */
export interface SegmentOptions extends Question {
  /** What errors call the picture; without it, the name of its file. */
  readonly name?: string;
  /** Rejects the picture when it is aborted. The engine ends a picture that it is at, but nobody gets the answer. */
  readonly signal?: AbortSignal;
  /**
   * Takes the decoded picture, which is there long before the result. It comes once for each time the picture is
   * decoded: not when the engine remembers it, and again when WebGPU failed on it.
   */
  readonly onPicture?: (picture: DecodedPicture) => void;
}

/** A picture as the engine sees it: upright, scaled to a longer side of at most 1,024 pixels. */
export interface DecodedPicture {
  /** The receiver closes it. */
  readonly bitmap: ImageBitmap;
  /** Width in pixels before it was scaled. */
  readonly sourceWidth: number;
  /** Height in pixels before it was scaled. */
  readonly sourceHeight: number;
}

/** One class that the engine found in the picture. */
export interface ClassResult {
  /** Value in the label map: 1 for the first of a segmenter's `classes`; 0 is the background. */
  readonly index: number;
  /** Name in the manifest. */
  readonly name: string;
  /** How sure the engine is that the class is in the picture, 0 to 1. */
  readonly score: number;
  /** Part of the picture that carries this label, 0 to 1. */
  readonly share: number;
}

/** The regions of a picture. */
export interface Segmentation {
  /** Width of the label map in pixels: the picture's, which is scaled to a longer side of at most 1,024. */
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

/** How strongly one class is seen at every pixel of the picture, by one map. */
export interface Heat {
  readonly width: number;
  readonly height: number;
  /** Row by row, 0 to 255. */
  readonly values: Uint8Array;
}

/** How near every patch of the picture is to every text. */
export interface Similarity {
  /** Of the grid of patches. */
  readonly rows: number;
  readonly columns: number;
  /** What the texts name: the model's classes, then the background. */
  readonly names: readonly string[];
  /** Cosines, -1 to 1: `rows * columns` values for each name, row by row. */
  readonly values: Float32Array;
}

/** What the engine found out about one picture. */
export interface Result extends Segmentation {
  /** The map that labelled the pixels. */
  readonly map: MapName;
  /** Whether it follows the picture's edges. */
  readonly refined: boolean;
  /** The maps that were wanted, by label. */
  readonly heats: ReadonlyMap<number, Heat>;
  /** `null` for a model that was not trained with texts. */
  readonly similarity: Similarity | null;
  /** Where it was computed. */
  readonly device: Device;
  /** Milliseconds from the decoded picture to the regions. */
  readonly milliseconds: number;
  /** Whether the encoder ran, rather than the engine's memory of the picture. */
  readonly encoded: boolean;
}
