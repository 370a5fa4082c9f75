import { megabytes } from '../package/src/sentence.ts';
import { element } from './dom.ts';

/** The line that says what the page is doing, its progress bar, and the problem if there is one. */
export class Status {
  readonly #text = element('status', HTMLElement);
  readonly #problem = element('problem', HTMLElement);
  readonly #retry = element('retry', HTMLButtonElement);
  readonly #dismiss = element('dismiss', HTMLButtonElement);
  readonly #stop = element('stop', HTMLButtonElement);
  readonly #progress = element('progress', HTMLProgressElement);
  readonly #device = element('device', HTMLElement);
  readonly #note = element('device-note', HTMLElement);

  /**
   * `onRetry` runs when the visitor presses "Try again", `onDismiss` when a problem was read, `onStop` when work is to
   * stop or to go on.
   */
  constructor(onRetry: () => void, onDismiss: () => void, onStop: () => void) {
    this.#stop.addEventListener('click', onStop);
    this.#retry.addEventListener('click', onRetry);
    this.#dismiss.addEventListener('click', onDismiss);
  }

  /** Says that nothing is under way. */
  idle(text: string): void {
    this.#say(text);
    this.#progress.value = 1;
    this.#progress.classList.add('done');
  }

  /** Says that something of unknown length is under way. */
  busy(text: string): void {
    this.#say(text);
    this.#progress.removeAttribute('value');
    this.#progress.classList.remove('done');
  }

  /** Says how much of a download has arrived; bytes. */
  downloading(loaded: number, total: number): void {
    this.#say(`Downloading engine and model: ${megabytes(loaded)} of ${megabytes(total)}`);
    this.#progress.value = total > 0 ? loaded / total : 0;
    this.#progress.classList.remove('done');
  }

  /** Says what went wrong, or with an empty text that nothing did, and what can be done about it. */
  problem(text: string, remedy: 'retry' | 'dismiss' | 'none'): void {
    // An alert that is written again is read out again.
    if (this.#problem.textContent !== text) this.#problem.textContent = text;
    this.#retry.hidden = remedy !== 'retry';
    this.#dismiss.hidden = remedy !== 'dismiss';
  }

  /** Offers to stop what is under way, or to go on with it. */
  offer(what: 'stop' | 'go on' | 'nothing'): void {
    this.#stop.classList.toggle('absent', what === 'nothing');
    this.#stop.textContent = what === 'go on' ? 'Go on' : 'Stop';
  }

  /** Names the device that computes, and why it is not the one hoped for. */
  device(label: string, note: string): void {
    this.#device.textContent = label;
    this.#note.textContent = note ? `Computes on the CPU: ${note.replace(/\.?$/, '.')}` : '';
    this.#device.dataset.kind = label.startsWith('WebGPU') ? 'webgpu' : 'cpu';
  }

  #say(text: string): void {
    if (this.#text.textContent !== text) this.#text.textContent = text;
  }
}
