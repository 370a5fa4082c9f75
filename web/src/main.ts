/** The page: connects what the visitor does with the engine's worker and with what is shown. */

import type { DevicePreference } from '../package/src/index.ts';
import { textOf } from '../package/src/sentence.ts';
import { Camera } from './camera.ts';
import { DeviceControl } from './device-control.ts';
import { Divider } from './divider.ts';
import { element } from './dom.ts';
import { seconds, wordsFor } from './duration.ts';
import { Filmstrip } from './filmstrip.ts';
import { type Incoming, takePhotos } from './intake.ts';
import { Legend } from './legend.ts';
import { keepForOffline } from './offline.ts';
import { fetchPhoto } from './photo-address.ts';
import { CAPACITY } from './queue.ts';
import type { View } from './render.ts';
import { SavePanel } from './save-panel.ts';
import { Session } from './session.ts';
import { Stage, summarise } from './stage.ts';
import { Status } from './status.ts';
import { ViewControls } from './view-controls.ts';
import { WishControls } from './wish-controls.ts';
import './style/base.css';
import './style/layout.css';
import './style/stage.css';
import './style/state.css';
import './style/panel.css';
import './style/strip.css';

/** A sentence that concerns no photo and stands until the visitor does something else. */
let notice = '';
let cameraIsStarting = false;
const view = new ViewControls(applyView);
const stage = new Stage(view.view);
const session = new Session(preference(), new URL('model/manifest.json', document.baseURI).href, {
  phase(phase) {
    speak();
    if (phase.kind !== 'ready') return;
    wishControls.enable(session.maps, session.wished);
    void keepPage();
  },
  device(device, label, note) {
    deviceControl.set(device);
    status.device(label, note);
  },
  queue() {
    if (!session.isLive) camera.stop();
    strip.draw(session.queue);
    drawShown();
  },
  photo(photo) {
    strip.update(session.queue);
    if (photo === session.shown) drawShown();
    else {
      drawSavePanel();
      speak();
    }
  },
  notice: tell,
});
const status = new Status(
  () => {
    notice = '';
    session.retry();
  },
  () => tell(''),
  () => {
    if (session.phase.kind === 'stopped') session.retry();
    else session.stop();
  },
);
const legend = new Legend({
  toggle(label) {
    const { shown } = session;
    if (shown) session.toggle(shown, label);
  },
  choose: drawShown,
});
const strip = new Filmstrip({
  show(photo) {
    session.unwatch();
    session.show(photo);
  },
  remove: (photo) => session.remove(photo),
  step(steps) {
    const photo = session.queue.neighbour(steps);
    if (photo) session.show(photo);
  },
  clear: () => session.clear(),
});

const savePanel = new SavePanel({
  view: () => view.view,
  layer: () => stage.layer,
  done: (sentence) => status.idle(sentence),
  problem: tell,
});

const wishControls = new WishControls((changed) => session.wish(changed));
const deviceControl = new DeviceControl((device) => {
  notice = '';
  session.compute(device);
});
const camera = new Camera(() => {
  session.unwatch();
  tell('The camera was disconnected. Connect it, then start it again.');
});

new Divider();
takePhotos(add, tell);
element('camera', HTMLButtonElement).addEventListener('click', toggleCamera);
element('take-photo', HTMLButtonElement).addEventListener('click', takePhoto);
applyView(view.view);
session.start();
void openAddress();

function applyView(changed: View): void {
  stage.setView(changed);
  session.wish({ heats: changed.layer === 'class-map' });
  drawShown();
}

function add(photos: readonly Incoming[]): void {
  notice = '';
  session.unwatch();
  const left = session.add(photos);
  if (left > 0)
    tell(`The page holds ${CAPACITY} photos, so ${left} more found no room. Remove some, then add them again.`);
}

/** Opens the photos that the page's address names by `?photo=`. */
async function openAddress(): Promise<void> {
  const page = new URL(document.baseURI);
  const asked = new URLSearchParams(location.search).getAll('photo');
  for (const result of await Promise.allSettled(asked.map((each) => fetchPhoto(each, page)))) {
    if (result.status === 'fulfilled') add([result.value]);
    else tell(textOf(result.reason));
  }
}

/** Keeps the page once the engine is there: nothing shall compete with its download. */
async function keepPage(): Promise<void> {
  if (await keepForOffline())
    element('offline', HTMLElement).textContent =
      'This page is kept in your browser and opens without a connection, too.';
}

function tell(sentence: string): void {
  notice = sentence;
  speak();
}

function drawShown(): void {
  const { shown } = session;
  const { layer } = view.view;
  legend.draw(shown, session.classes, layer === 'class-map' || layer === 'similarity');
  stage.draw(shown, session.classes, legend.chosen);
  deviceControl.draw(shown);
  drawCameraButtons();
  drawSavePanel();
  speak();
}

function drawSavePanel(): void {
  savePanel.draw(session.shown, session.queue.photos, session.classes);
}

/** Says what the page is doing, and what is wrong with the shown photo or the engine. */
function speak(): void {
  const { phase, queue, device, shown } = session;
  if (phase.kind === 'broken') status.problem(phase.problem, 'retry');
  else if (shown?.state === 'failed') status.problem(shown.problem, shown.mayRetry ? 'retry' : 'none');
  else status.problem(notice, notice ? 'dismiss' : 'none');

  const running = queue.photos.find(({ state }) => state === 'running');
  const isStarting = phase.kind === 'starting' || phase.kind === 'downloading' || phase.kind === 'loading';
  const isWorking = isStarting || (running !== undefined && phase.kind !== 'broken');
  status.offer(phase.kind === 'stopped' ? 'go on' : isWorking ? 'stop' : 'nothing');
  if (phase.kind === 'downloading') status.downloading(phase.loaded, phase.total);
  else if (phase.kind === 'starting') status.busy('Starting');
  else if (phase.kind === 'loading') status.busy('Preparing the engine');
  else if (phase.kind === 'broken') status.idle('');
  else if (phase.kind === 'stopped') status.idle(stopped());
  else if (session.isLive) status.idle(`Live from the camera, computing ${device}.`);
  else if (running) status.busy(`Segmenting ${running.name} ${device}${position()}`);
  else if (shown?.answer) {
    const { milliseconds, device: by } = shown.answer;
    status.idle(`${summarise(shown.answer)}. ${seconds(milliseconds)} ${wordsFor(by)}.`);
  } else if (shown) status.idle('');
  else status.idle(`Ready: ${session.classes.length} classes, computing ${device}. Drop photos or choose a sample.`);
}

function stopped(): string {
  const left = session.queue.count('waiting');
  return left > 0 ? `Stopped. ${left === 1 ? 'One photo waits' : `${left} photos wait`}.` : 'Stopped.';
}

/** Which photo of how many is at work, where there are several. */
function position(): string {
  const { queue } = session;
  const at = queue.photos.findIndex(({ state }) => state === 'running') + 1;
  return queue.photos.length > 1 ? ` (${at} of ${queue.photos.length})` : '';
}

function preference(): DevicePreference {
  const asked = new URLSearchParams(location.search).get('device');
  return asked === 'cpu' || asked === 'webgpu' ? asked : 'auto';
}

async function toggleCamera(): Promise<void> {
  if (cameraIsStarting) return;
  if (session.isLive) {
    session.unwatch();
    return;
  }
  tell('');
  cameraIsStarting = true;
  try {
    await camera.start();
    session.watch(camera);
  } catch (error) {
    camera.stop();
    tell(textOf(error));
  }
  cameraIsStarting = false;
}

/** Ends the camera with the frame that is shown as a photo of the queue. */
async function takePhoto(): Promise<void> {
  const frame = await stage.photoFile();
  if (!frame) return;
  add([{ file: frame, name: 'camera.jpg' }]);
  // The pressed button is gone.
  strip.focus();
}

function drawCameraButtons(): void {
  element('camera', HTMLButtonElement).textContent = session.isLive ? 'Stop camera' : 'Camera';
  element('choose', HTMLButtonElement).hidden = session.isLive;
  const take = element('take-photo', HTMLButtonElement);
  take.hidden = !session.isLive;
  take.disabled = !session.shown?.shown;
}
