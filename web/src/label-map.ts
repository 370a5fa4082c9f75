/** A map of labels: row by row, 0 background, 1.. classes. */
export interface LabelMap {
  readonly width: number;
  readonly height: number;
  readonly labels: Uint8Array;
}

/** The map in another size: each pixel takes the label of the nearest one, since labels have no mean. */
export function resized({ width, height, labels }: LabelMap, toWidth: number, toHeight: number): LabelMap {
  if (width === toWidth && height === toHeight) return { width, height, labels };
  const nearest = (to: number, from: number) =>
    Uint32Array.from({ length: to }, (_, at) => Math.min(from - 1, Math.floor(((at + 0.5) * from) / to)));
  const columns = nearest(toWidth, width);
  const result = new Uint8Array(toWidth * toHeight);
  let at = 0;
  for (const line of nearest(toHeight, height)) {
    for (const column of columns) result[at++] = labels[line * width + column] ?? 0;
  }
  return { width: toWidth, height: toHeight, labels: result };
}
