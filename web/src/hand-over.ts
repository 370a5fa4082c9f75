/** Ways for a file to leave the page: into the downloads, or the clipboard. */
import { Sentence } from '../package/src/sentence.ts';

/** Hands `content` to the browser's downloads. */
export function download(content: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  // The browser reads the address after the click returns.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/**
 * Puts a PNG into the clipboard. Browsers store its colours, not its bytes. The promise goes in as it is: Safari
 * forgets the visitor's click while the page waits for a picture.
 * @throws Sentence when the browser refuses.
 */
export async function copyPicture(picture: Promise<Blob>): Promise<void> {
  try {
    await navigator.clipboard.write([new ClipboardItem({ 'image/png': picture })]);
  } catch {
    // A picture that could not be made has a reason of its own.
    await picture;
    throw new Sentence(
      'This browser does not let the page write pictures to the clipboard. Save the file, or allow the clipboard for this site.',
    );
  }
}
