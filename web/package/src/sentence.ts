/** An error whose message is a sentence for the visitor: what is wrong, and what to do. */
export class Sentence extends Error {
  override name = 'Sentence';
}

/** The text of whatever was thrown. */
export function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** A size in the unit that people read: `11.4 MB`. */
export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
