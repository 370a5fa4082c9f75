/**
 * What the engine does before and after the network (crates/dalnet-engine: picture.rs, encoding.rs), for a picture that
 * has the network's input size already: nothing is resized, and no pixel is transparent.
 */

/**
 * RGBA to `[3, height, width]`, normalised.
 * @param {Uint8ClampedArray} rgba
 * @param {{ mean: number[], std: number[] }} normalisation
 */
export function normalised(rgba, { mean, std }) {
  const count = rgba.length / 4;
  const values = new Float32Array(3 * count);
  for (let channel = 0; channel < 3; channel += 1) {
    for (let pixel = 0; pixel < count; pixel += 1) {
      values[channel * count + pixel] = (rgba[4 * pixel + channel] / 255 - mean[channel]) / std[channel];
    }
  }
  return values;
}

/**
 * Labels of the classes that the network names, and how sure they are.
 * @param {Float32Array} maps `[C, height, width]`
 * @param {Float32Array} logits `[C]`
 * @param {{ class_threshold: number, background_threshold: number }} spec
 */
export function labelled(maps, logits, { class_threshold, background_threshold }) {
  const count = maps.length / logits.length;
  const labels = new Uint8Array(count);
  const strongest = new Float32Array(count).fill(background_threshold);
  const any = new Float32Array(count);
  logits.forEach((logit, index) => {
    if (1 / (1 + Math.exp(-logit)) < class_threshold) return;
    const map = maps.subarray(index * count, (index + 1) * count);
    for (let pixel = 0; pixel < count; pixel += 1) {
      const value = map[pixel];
      if (value > any[pixel]) any[pixel] = value;
      if (value > strongest[pixel]) {
        strongest[pixel] = value;
        labels[pixel] = index + 1;
      }
    }
  });
  const confidence = new Uint8Array(count);
  for (let pixel = 0; pixel < count; pixel += 1) {
    const value = labels[pixel] === 0 ? 1 - any[pixel] : strongest[pixel];
    confidence[pixel] = Math.round(Math.min(Math.max(value, 0), 1) * 255);
  }
  return { labels, confidence };
}
