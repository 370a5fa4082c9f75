/**
 * Masks in the object format of COCO (https://cocodataset.org/#format-data). The annotations hold uncompressed
 * run lengths: pycocotools reads them as they are, and so does every program that takes its `annToMask`.
 */
import type { LabelMap } from './label-map.ts';

/** One picture with its labels, in the size of its file. */
export interface Labelled {
  readonly name: string;
  readonly map: LabelMap;
}

/** Run lengths of one class of one picture. */
interface Region {
  /** Column by column: pixels outside, inside, outside and so on; the first number may be 0. */
  readonly counts: number[];
  area: number;
  /** Where the last run ended. */
  end: number;
  left: number;
  right: number;
  top: number;
  bottom: number;
}

/** A file of annotations: one for each class of each picture. `classes` name the labels from 1 on. */
export function cocoOf(pictures: readonly Labelled[], classes: readonly string[]) {
  const annotations = pictures.flatMap(({ map: { width, height, labels } }, index) =>
    regionsOf({ width, height, labels }).map(([label, region]) => ({
      image_id: index + 1,
      category_id: label,
      segmentation: { size: [height, width], counts: region.counts },
      area: region.area,
      bbox: [region.left, region.top, region.right - region.left + 1, region.bottom - region.top + 1],
      // A crowd would be left out of training and scoring.
      iscrowd: 0,
    })),
  );
  return {
    info: { description: 'Segmented by DALNet in a browser: all regions of one class are one annotation.' },
    images: pictures.map(({ name, map: { width, height } }, index) => ({
      id: index + 1,
      file_name: name,
      width,
      height,
    })),
    annotations: annotations.map((annotation, index) => ({ id: index + 1, ...annotation })),
    categories: classes.map((name, index) => ({ id: index + 1, name, supercategory: '' })),
  };
}

/** The regions of every class by label, found in one walk down the columns. */
function regionsOf({ width, height, labels }: LabelMap): [number, Region][] {
  const regions = new Map<number, Region>();
  const total = width * height;
  const labelAt = (at: number) => labels[(at % height) * width + Math.floor(at / height)] ?? 0;
  for (let start = 0; start < total; ) {
    const label = labelAt(start);
    let end = start + 1;
    while (end < total && labelAt(end) === label) end++;
    if (label > 0) {
      const region = regions.get(label) ?? newRegion(height);
      regions.set(label, region);
      addRun(region, start, end, height);
    }
    start = end;
  }
  for (const { counts, end } of regions.values()) if (end < total) counts.push(total - end);
  return [...regions].sort(([a], [b]) => a - b);
}

function newRegion(height: number): Region {
  return { counts: [], area: 0, end: 0, left: Number.POSITIVE_INFINITY, right: 0, top: height, bottom: 0 };
}

function addRun(region: Region, start: number, end: number, height: number): void {
  region.counts.push(start - region.end, end - start);
  region.area += end - start;
  region.end = end;
  const [first, last] = [Math.floor(start / height), Math.floor((end - 1) / height)];
  region.left = Math.min(region.left, first);
  region.right = Math.max(region.right, last);
  // A run over the end of a column touches the lower and the upper edge.
  region.top = first < last ? 0 : Math.min(region.top, start % height);
  region.bottom = first < last ? height - 1 : Math.max(region.bottom, (end - 1) % height);
}
