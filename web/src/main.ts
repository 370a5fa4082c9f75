/** The page: connects what the visitor does with the engine's worker and with what is shown. */
import { Filmstrip } from './filmstrip.ts';
import { type Incoming, takePhotos } from './intake.ts';
import { Legend } from './legend.ts';
import type { DevicePreference } from './messages.ts';
import { fetchPhoto } from './photo-address.ts';
import { CAPACITY } from './queue.ts';
import { SavePanel } from './save-panel.ts';
import { textOf } from './sentence.ts';
import { Session } from './session.ts';
import { Stage, summarise } from './stage.ts';
import { Status } from './status.ts';
import './style/base.css';
import './style/layout.css';
import './style/stage.css';
import './style/state.css';
import './style/panel.css';
import './style/strip.css';

/** A sentence that concerns no photo and stands until the visitor does something else. */
let notice = '';
const stage = new Stage();
const session = new Session(preference(), new URL('model/manifest.json', document.baseURI).href, {
  phase: speak,
  device: (label, note) => status.device(label, note),
  queue() {
    strip.draw(session.queue);
    drawShown();
  },
  photo(photo) {
    strip.update(session.queue);
    if (photo === session.queue.shown) drawShown();
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
);
const legend = new Legend((label) => {
  const { shown } = session.queue;
  if (shown) session.toggle(shown, label);
});
const strip = new Filmstrip({
  show: (photo) => session.show(photo),
  remove: (photo) => session.remove(photo),
  step(steps) {
    const photo = session.queue.neighbour(steps);
    if (photo) session.show(photo);
  },
  clear: () => session.clear(),
});

const savePanel = new SavePanel({
  view: () => stage.view,
  done: (sentence) => status.idle(sentence),
  problem: tell,
});

takePhotos(add, tell);
session.start();
void openAddress();

function add(photos: readonly Incoming[]): void {
  notice = '';
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

function tell(sentence: string): void {
  notice = sentence;
  speak();
}

function drawShown(): void {
  const { shown } = session.queue;
  stage.draw(shown, session.classes);
  legend.draw(shown, session.classes);
  drawSavePanel();
  speak();
}

function drawSavePanel(): void {
  savePanel.draw(session.queue.shown, session.queue.photos, session.classes);
}

/** Says what the page is doing, and what is wrong with the shown photo or the engine. */
function speak(): void {
  const { phase, queue, device } = session;
  const { shown } = queue;
  if (phase.kind === 'broken') status.problem(phase.problem, 'retry');
  else if (shown?.state === 'failed') status.problem(shown.problem, shown.mayRetry ? 'retry' : 'none');
  else status.problem(notice, notice ? 'dismiss' : 'none');

  const running = queue.photos.find(({ state }) => state === 'running');
  if (phase.kind === 'downloading') status.downloading(phase.loaded, phase.total);
  else if (phase.kind === 'starting') status.busy('Starting');
  else if (phase.kind === 'loading') status.busy('Preparing the engine');
  else if (phase.kind === 'broken') status.idle('');
  else if (running) status.busy(`Segmenting ${running.name} ${device}${position()}`);
  else if (shown?.answer) {
    const { segmentation, milliseconds, device: by } = shown.answer;
    status.idle(`${summarise(segmentation)}. ${seconds(milliseconds)} ${by}.`);
  } else if (shown) status.idle('');
  else status.idle(`Ready: ${session.classes.length} classes, computing ${device}. Drop photos or choose a sample.`);
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

function seconds(milliseconds: number): string {
  return milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
}
