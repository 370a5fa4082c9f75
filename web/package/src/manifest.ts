import { Sentence } from './sentence.ts';

/** One file of weights that the manifest names. */
export interface ModelFile {
  /** Address, relative to the manifest. */
  readonly path: string;
  readonly bytes: number;
  /** SHA-256 of the content, 64 lower-case hexadecimal digits. */
  readonly sha256: string;
}

/** The part of the manifest that is read here; the engine checks the rest. */
export interface Manifest {
  /** Names of the classes; the first has label 1. */
  readonly classes: readonly string[];
  readonly files: readonly ModelFile[];
}

/**
 * Reads the manifest that came from `url`.
 * @throws Sentence when it is not one, as when a host answers every address with its front page.
 */
export function parseManifest(text: string, url: string): Manifest {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw damaged(url, 'is not JSON');
  }
  if (!isManifest(value)) {
    throw damaged(url, 'names no classes or files');
  }
  return value;
}

function damaged(url: string, why: string): Sentence {
  return new Sentence(
    `The model’s manifest is damaged: ${new URL(url).pathname} ${why}. The model must be exported there again.`,
  );
}

function isManifest(value: unknown): value is Manifest {
  if (typeof value !== 'object' || value === null) return false;
  const { classes, files } = value as Partial<Record<keyof Manifest, unknown>>;
  return (
    Array.isArray(classes) &&
    classes.length > 0 &&
    classes.every((name) => typeof name === 'string') &&
    Array.isArray(files) &&
    files.length > 0 &&
    files.every(isModelFile)
  );
}

function isModelFile(value: unknown): value is ModelFile {
  if (typeof value !== 'object' || value === null) return false;
  const { path, bytes, sha256 } = value as Partial<Record<keyof ModelFile, unknown>>;
  return (
    typeof path === 'string' &&
    typeof bytes === 'number' &&
    Number.isSafeInteger(bytes) &&
    bytes > 0 &&
    typeof sha256 === 'string' &&
    /^[0-9a-f]{64}$/.test(sha256)
  );
}
