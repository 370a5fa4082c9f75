import type {
  ClassResult,
  DecodedPicture,
  Device,
  MapName,
  Question,
  Result,
  Segmentation,
} from '../package/src/index.ts';

/** How far a photo has come. */
export type PhotoState = 'waiting' | 'running' | 'done' | 'failed';

/** How the page wants photos answered, whichever is shown. */
export interface Wish {
  /** The map that labels the pixels; `null` as the model has it. */
  readonly map: MapName | null;
  /** Whether regions follow the picture's edges; `null` as the model has it. */
  readonly refine: boolean | null;
  /** Whether each class of the legend comes with its map. */
  readonly heats: boolean;
}

/** One photo of the queue with everything that the page knows of it. */
export interface Photo {
  readonly id: number;
  readonly file: Blob;
  readonly name: string;
  state: PhotoState;
  /** What went wrong, a sentence; empty otherwise. */
  problem: string;
  /** Whether trying again may help. */
  mayRetry: boolean;
  /** The photo as it is shown, and the size of its file. */
  shown: DecodedPicture | null;
  /** The newest answer. */
  answer: Result | null;
  /** Milliseconds of the newest full run on each device. */
  times: ReadonlyMap<Device, number>;
  /** Labels in the legend, in its order: a class keeps its place and its look as long as the photo is there. */
  rows: readonly number[];
  /** Labels that the visitor chose; `null` leaves the choice to the model. */
  chosen: readonly number[] | null;
  /** Whether the choice is newer than the answer. */
  stale: boolean;
}

/** A photo with an answer. */
export type Segmented = Photo & { readonly shown: DecodedPicture; readonly answer: Result };

/** Whether the photo has an answer. */
export function isSegmented(photo: Photo | null): photo is Segmented {
  return photo !== null && photo.shown !== null && photo.answer !== null;
}

/** A photo that nobody has looked at yet. */
export function newPhoto(id: number, file: Blob, name: string): Photo {
  return {
    id,
    file,
    name,
    state: 'waiting',
    problem: '',
    mayRetry: false,
    shown: null,
    answer: null,
    times: new Map(),
    rows: [],
    chosen: null,
    stale: false,
  };
}

/** The classes that cover at least one pixel, the largest first. */
export function seenIn({ classes }: Segmentation): ClassResult[] {
  return classes.filter(({ share }) => share > 0).sort((a, b) => b.share - a.share);
}

/** Takes the picture in, unless it is there: a photo is decoded once more to be asked about again. */
export function decoded(photo: Photo, picture: DecodedPicture): void {
  if (photo.shown) picture.bitmap.close();
  else photo.shown = picture;
}

/** Takes an answer in. The first one decides the rows: what covers most stands first. */
export function answered(photo: Photo, answer: Result): void {
  if (answer.encoded) photo.times = new Map([...photo.times, [answer.device, answer.milliseconds]]);
  if (!photo.answer) {
    photo.rows = seenIn(answer).map(({ index }) => index);
  }
  photo.answer = answer;
  photo.state = 'done';
  photo.problem = '';
}

/** Whether the photo's answer is what is wished for; a photo without an answer is not asked about again. */
export function fulfils({ state, answer, rows }: Photo, { map, refine, heats }: Wish): boolean {
  if (state !== 'done' || !answer) return true;
  if (map !== null && map !== answer.map) return false;
  if (refine !== null && refine !== answer.refined) return false;
  return !heats || rows.every((label) => answer.heats.has(label));
}

/** The question about the photo that fulfils a wish. */
export function question({ chosen, rows }: Photo, { map, refine, heats }: Wish): Question {
  return {
    ...(chosen && { classes: chosen }),
    ...(map !== null && { map }),
    ...(refine !== null && { refine }),
    heats: heats ? rows : [],
  };
}

/** The labels that are switched on. */
export function labelsOn(photo: Photo): readonly number[] {
  return photo.chosen ?? photo.rows;
}

/** Switches a class of a photo on or off. */
export function toggle(photo: Photo, label: number): void {
  const on = new Set(labelsOn(photo));
  if (!on.delete(label)) on.add(label);
  if (!photo.rows.includes(label)) photo.rows = [...photo.rows, label];
  photo.chosen = [...on].sort((a, b) => a - b);
  photo.stale = true;
}
