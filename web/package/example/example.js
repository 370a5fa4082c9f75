import { Segmenter } from './node_modules/dalnet/dist/index.js';

const segmenter = await Segmenter.load('model/manifest.json');
const photo = await createImageBitmap(await (await fetch('cat.jpg')).blob());
const { width, height, labels, classes } = await segmenter.segment(photo);

const mask = new ImageData(width, height);
for (const [at, label] of labels.entries()) if (label > 0) mask.data.set([255, 12 * label, 0, 160], 4 * at);
const canvas = Object.assign(document.querySelector('canvas'), { width, height }).getContext('2d');
canvas.drawImage(photo, 0, 0, width, height);
canvas.drawImage(await createImageBitmap(mask), 0, 0);
document.querySelector('p').textContent = classes.map(({ name, share }) => `${name}: ${share.toFixed(3)}`).join(', ');
