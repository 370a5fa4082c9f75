/**
 * What went wrong: `model` a file of the model (try again may help), `engine` the wasm module or the device,
 * `run` the answer to one picture, `picture` the picture itself.
 */
export type Stage = 'model' | 'engine' | 'run' | 'picture';

/** Why a segmenter could not be loaded, or a picture not be segmented; the message is a sentence for the visitor. */
export class SegmenterError extends Error {
  override name = 'SegmenterError';
  /** After `model` and `engine` the segmenter is closed; after `run` and `picture` it takes the next picture. */
  readonly stage: Stage;

  constructor(stage: Stage, message: string) {
    super(message);
    this.stage = stage;
  }
}
