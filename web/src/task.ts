import type { DecodedPicture, PictureSource, Result } from '../package/src/index.ts';
import type { Photo } from './photo.ts';

/** A photo of the queue or a frame of the camera that the engine is to work on. */
export interface Task {
  readonly photo: Photo;
  readonly source: PictureSource;
  /** Whether somebody still waits for it: photos are removed, and cameras switched off. */
  isWanted(): boolean;
  /** Takes in the picture as it is shown. */
  decoded(picture: DecodedPicture): void;
  /** Takes in the answer. */
  answered(result: Result): void;
}
