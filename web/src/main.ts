/** The page: connects what the visitor does with the engine's worker and with what is shown. */
import { EngineClient } from './client.ts';
import { element } from './dom.ts';
import { takePhotos } from './intake.ts';
import { Legend } from './legend.ts';
import type { DevicePreference, ToPage } from './messages.ts';
import { saveMask, saveOverlay } from './save.ts';
import { textOf } from './sentence.ts';
import { Stage, summarise } from './stage.ts';
import { Status } from './status.ts';
import './style.css';

const stage = new Stage();
const status = new Status(() => {
  status.clearProblem();
  client.start();
});
const legend = new Legend((labels) => {
  if (shown) client.ask(shown.photo, labels);
});
const client = new EngineClient(preference(), new URL('model/manifest.json', document.baseURI).href, hear);

let classes: readonly string[] = [];
let device = '';
/** Names of the photos that were handed over, by number, until their picture is shown. */
const names = new Map<number, string>();
let shown: { readonly photo: number; readonly name: string; fresh: boolean } | null = null;

takePhotos(
  (file, name) => {
    status.clearProblem();
    status.busy(`Opening ${name}`);
    names.set(client.open(file, name), name);
  },
  (sentence) => status.problem(sentence, false),
);
const saveButtons = element('save', HTMLFieldSetElement);
onClick('save-mask', () => saveMask(stage, shown?.name ?? ''));
onClick('save-overlay', () => saveOverlay(stage, shown?.name ?? ''));
status.busy('Starting');
client.start();

function hear(message: ToPage): void {
  switch (message.type) {
    case 'device':
      device = message.device === 'webgpu' ? 'with WebGPU' : 'on the CPU';
      status.device(message.label, message.note);
      break;
    case 'download':
      status.downloading(message.loaded, message.total);
      break;
    case 'loading':
      status.busy('Preparing the engine');
      break;
    case 'ready':
      ({ classes } = message);
      if (!shown?.fresh)
        status.idle(`Ready: ${classes.length} classes, computing ${device}. Drop a photo or choose a sample.`);
      break;
    case 'picture':
      shown = { photo: message.photo, name: names.get(message.photo) ?? 'photo', fresh: true };
      stage.showPhoto(message.bitmap, shown.name);
      legend.clear();
      saveButtons.disabled = true;
      break;
    case 'running':
      if (shown?.fresh) status.busy(`Segmenting ${shown.name} ${device}`);
      break;
    case 'segmentation':
      if (message.photo !== shown?.photo) break;
      if (shown.fresh) legend.showNew(message.segmentation, classes);
      else legend.update(message.segmentation);
      stage.showSegmentation(message.segmentation, classes, legend.looks);
      shown.fresh = false;
      saveButtons.disabled = false;
      status.idle(`${summarise(message.segmentation)}. ${seconds(message.milliseconds)} ${device}.`);
      break;
    case 'failed':
      status.problem(message.message, message.stage === 'model' || message.stage === 'engine');
      break;
    case 'fallback':
      status.problem(`WebGPU failed, so the page goes on with the CPU. (${message.reason})`, false);
      break;
  }
}

function preference(): DevicePreference {
  const asked = new URLSearchParams(location.search).get('device');
  return asked === 'cpu' || asked === 'webgpu' ? asked : 'auto';
}

function seconds(milliseconds: number): string {
  return milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
}

function onClick(id: string, work: () => void | Promise<void>): void {
  element(id, HTMLButtonElement).addEventListener('click', async () => {
    try {
      await work();
    } catch (error) {
      status.problem(`That did not work: ${textOf(error)}.`, false);
    }
  });
}
