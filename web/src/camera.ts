import { Sentence, textOf } from '../package/src/sentence.ts';

/** What is asked of the camera: the one that looks away from the visitor, no sharper than the page shows. */
const WANTED: MediaStreamConstraints = {
  video: { facingMode: 'environment', width: { ideal: 1024 }, height: { ideal: 768 } },
  audio: false,
};

/** The visitor's camera. */
export class Camera {
  readonly #video = document.createElement('video');
  readonly #onLost: () => void;
  #stream: MediaStream | null = null;

  /** `onLost` runs when the camera ends by itself, as when it is unplugged. */
  constructor(onLost: () => void) {
    this.#onLost = onLost;
    this.#video.muted = true;
    this.#video.playsInline = true;
  }

  /**
   * Asks the visitor and starts.
   * @throws Sentence when there is no camera, or it was not allowed.
   */
  async start(): Promise<void> {
    let stream: MediaStream;
    try {
      if (!navigator.mediaDevices) throw new DOMException('no mediaDevices', 'SecurityError');
      stream = await navigator.mediaDevices.getUserMedia(WANTED);
    } catch (error) {
      throw cameraProblem(error);
    }
    this.stop();
    this.#stream = stream;
    for (const track of stream.getTracks()) {
      track.addEventListener('ended', () => {
        if (stream === this.#stream) this.#onLost();
      });
    }
    this.#video.srcObject = stream;
    await this.#video.play();
  }

  /** Switches the camera off. */
  stop(): void {
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#stream = null;
    this.#video.srcObject = null;
  }

  /** The frame of this moment; those before it are gone. */
  grab(): Promise<ImageBitmap> {
    return createImageBitmap(this.#video);
  }
}

/** Why there is no camera, as a sentence with a remedy. */
export function cameraProblem(error: unknown): Sentence {
  const name = error instanceof DOMException ? error.name : '';
  switch (name) {
    case 'NotAllowedError':
      return new Sentence('The camera was not allowed. Allow it for this site in your browser, then try again.');
    case 'NotFoundError':
    case 'OverconstrainedError':
      return new Sentence('No camera was found. Connect one, then try again, or choose photos.');
    case 'NotReadableError':
    case 'AbortError':
      return new Sentence('The camera gave no picture. Close other programs that use it, then try again.');
    case 'SecurityError':
      return new Sentence('Browsers give pages a camera only over https or from localhost. Open the page there.');
    default:
      return new Sentence(`The camera could not be started: ${textOf(error)}. Choose photos instead.`);
  }
}
