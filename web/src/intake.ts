import { element } from './dom.ts';

/** A photo as it comes in. */
export interface Incoming {
  readonly file: Blob;
  readonly name: string;
}

/** Takes photos: dropped anywhere on the page, picked, pasted, or one of the samples; several at a time. */
export function takePhotos(
  onPhotos: (photos: readonly Incoming[]) => void,
  onProblem: (sentence: string) => void,
): void {
  const picker = element('picker', HTMLInputElement);
  const take = (files: FileList | null | undefined, otherwise: string) => {
    const photos = Array.from(files ?? [], (file) => ({ file, name: file.name || 'photo' }));
    if (photos.length > 0) onPhotos(photos);
    else if (otherwise) onProblem(otherwise);
  };

  picker.addEventListener('change', () => {
    take(picker.files, '');
    // So that the same file can be picked again.
    picker.value = '';
  });

  for (const button of document.querySelectorAll('button.pick')) button.addEventListener('click', () => picker.click());

  const root = document.documentElement;
  document.addEventListener('dragover', (event) => {
    event.preventDefault();
    root.classList.add('dragging');
  });
  document.addEventListener('dragleave', (event) => {
    if (event.relatedTarget === null) root.classList.remove('dragging');
  });
  document.addEventListener('drop', (event) => {
    event.preventDefault();
    root.classList.remove('dragging');
    take(event.dataTransfer?.files, 'What was dropped is not a file. Save the picture first, then drop the file.');
  });
  document.addEventListener('paste', (event) => {
    take(event.clipboardData?.files, 'The clipboard holds no picture. Copy a picture, then paste again.');
  });

  element('samples', HTMLElement).addEventListener('click', async (event) => {
    const button = event.target instanceof Element ? event.target.closest('button') : null;
    const picture = button?.querySelector('img');
    if (!button || !picture) return;
    try {
      const response = await fetch(picture.src);
      if (!response.ok) throw new Error(String(response.status));
      onPhotos([{ file: await response.blob(), name: button.value }]);
    } catch {
      onProblem('This sample could not be downloaded. Check the connection, or choose a photo of your own.');
    }
  });
}
