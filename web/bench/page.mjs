/** The page's side: brings files and the picture, and drives the workers. `run.mjs` calls what stands in `window`. */

/** @type {Record<string, ArrayBuffer>} */
const downloaded = {};
/** @type {Record<string, Worker>} */
const workers = {};
/** @type {import('./contender.mjs').Picture} */
let picture;
/** The first mask; every other one is held against it. */
let first;

/** A file's bytes; fetched once, so that no timing holds a download. */
async function bytes(url) {
  downloaded[url] ??= await fetch(url).then((response) => {
    if (!response.ok) throw new Error(`${url}: status ${response.status}`);
    return response.arrayBuffer();
  });
  return downloaded[url].slice(0);
}

/** Asks a worker and waits. */
function ask(worker, message, transfer = []) {
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => ('result' in data ? resolve(data.result) : reject(new Error(data.error)));
    worker.onerror = (event) => reject(new Error(event.message));
    if (message) worker.postMessage(message, transfer);
  });
}

/** How far a mask is from the first one: the share of equal labels, and the largest difference of confidence (0..1). */
function agreement({ labels, confidence }) {
  first ??= { labels, confidence };
  let equal = 0;
  let difference = 0;
  labels.forEach((label, pixel) => {
    if (label !== first.labels[pixel]) return;
    equal += 1;
    difference = Math.max(difference, Math.abs(confidence[pixel] - first.confidence[pixel]));
  });
  return { equal: equal / labels.length, difference: difference / 255 };
}

function summary({ mask, ...result }) {
  const labels = [...new Set(mask.labels)].sort((one, other) => one - other);
  const { network, refinement } = mask;
  return { ...result, network, refinement, labels, ...agreement(mask) };
}

/** Decodes the photo at the network's input size: the longer side scaled, each side to the nearest whole patch. */
window.openPicture = async (url, longSide, patch) => {
  const bitmap = await createImageBitmap(new Blob([await bytes(url)]));
  const scale = longSide / Math.max(bitmap.width, bitmap.height);
  const side = (pixels) => Math.max(Math.round((pixels * scale) / patch), 1) * patch;
  const [width, height] = [side(bitmap.width), side(bitmap.height)];
  const context = new OffscreenCanvas(width, height).getContext('2d');
  if (!context) throw new Error('this browser draws no pictures in memory');
  context.drawImage(bitmap, 0, 0, width, height);
  picture = { rgba: context.getImageData(0, 0, width, height).data, width, height };
  return { width, height, isolated: crossOriginIsolated };
};

/** Downloads, starts a worker, and then times it from its bytes to its first mask. */
window.start = async ({ name, script, files, options }) => {
  const contents = {};
  for (const [file, url] of Object.entries(files)) contents[file] = await bytes(url);
  const worker = new Worker(script, { type: 'module' });
  await ask(worker, null);
  workers[name] = worker;
  const message = { type: 'start', files: contents, options, picture };
  return summary(await ask(worker, message, Object.values(contents)));
};

/** One more mask by a started worker. */
window.run = async (name) => summary(await ask(workers[name], { type: 'run', picture }));
