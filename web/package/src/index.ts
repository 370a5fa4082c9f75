/** DALNet in the browser: regions of a picture and their names, by a model that learned from image tags alone. */
export type { Stage } from './error.ts';
export { SegmenterError } from './error.ts';
export { Segmenter } from './segmenter.ts';
export type {
  ClassResult,
  DecodedPicture,
  Device,
  DevicePreference,
  Heat,
  LoadOptions,
  MapName,
  PictureSource,
  Progress,
  Question,
  Result,
  Segmentation,
  SegmentOptions,
  Similarity,
} from './types.ts';
