/** The result of `run.mjs` as a Markdown table. */

function median(values) {
  const sorted = values.toSorted((one, other) => one - other);
  const middle = sorted.length / 2;
  return (sorted[Math.ceil(middle) - 1] + sorted[Math.floor(middle)]) / 2;
}

/** "median (least to most)" of milliseconds. */
function spread(values) {
  if (values.length === 0) return '-';
  const [least, middle, most] = [Math.min(...values), median(values), Math.max(...values)].map(Math.round);
  return `${middle} (${least} to ${most})`;
}

/** Median of what one takes of the time of another, run by run. */
function ratio(values, others) {
  return median(values.map((value, index) => value / others[index])).toFixed(2);
}

const megabytes = (bytes) => (bytes / 1e6).toFixed(1);

/** One row for each measure, one column for each contender. */
export function table({ setting, results }) {
  const rows = [['', ...results.map(({ name }) => name)]];
  const row = (title, cell) => rows.push([title, ...results.map(cell)]);
  const both = ({ raw, gzip }) => `${megabytes(raw)} (${megabytes(gzip)})`;
  row('engine, MB (gzip)', ({ bytes }) => both(bytes.engine));
  row('model, MB (gzip)', ({ bytes }) => both(bytes.model));
  const clock = (runs) => runs.map(({ milliseconds }) => milliseconds);
  const processor = (runs) => runs.map(({ processor }) => processor);
  const [{ name, ...first }] = results;
  row('bytes to first mask, ms', ({ cold }) => spread(clock(cold)));
  row(`median ratio to ${name}`, ({ cold }) => ratio(clock(cold), clock(first.cold)));
  row('cold, processor time, ms', ({ cold }) => spread(processor(cold)));
  row('warm, pixels to mask, ms', ({ warm }) => spread(clock(warm)));
  row(`median ratio to ${name}`, ({ warm }) => ratio(clock(warm), clock(first.warm)));
  row('of it the network, ms', ({ warm }) => spread(warm.map(({ network }) => network)));
  row('of it the refinement, ms', ({ warm }) => {
    return spread(warm.map(({ refinement }) => refinement).filter((milliseconds) => milliseconds !== undefined));
  });
  row('warm, processor time, ms', ({ warm }) => spread(processor(warm)));
  row(`median ratio to ${name}`, ({ warm }) => ratio(processor(warm), processor(first.warm)));
  row('wasm memory, MB', ({ warm }) => megabytes(Math.max(...warm.map(({ memory }) => memory))));
  row('equal labels, %', ({ warm }) => (100 * Math.min(...warm.map(({ equal }) => equal))).toFixed(2));
  row('difference of confidence', ({ warm }) => Math.max(...warm.map(({ difference }) => difference)).toFixed(3));
  const phases = ({ cold }) => {
    const names = Object.keys(cold[0]?.phases ?? {});
    return names.map((name) => `${name} ${Math.round(median(cold.map((run) => run.phases[name])))}`).join(', ') || '-';
  };
  row('medians of the cold start, ms', phases);
  rows.splice(
    1,
    0,
    rows[0].map((_, column) => (column === 0 ? '---' : '---:')),
  );
  const runs = `${results[0].cold.length} cold starts, ${results[0].warm.length} warm runs, medians (least to most)`;
  const lines = rows.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
  return `${setting.device}, ${setting.picture}, ${setting.browser}, ${setting.machine}, ${setting.load}; ${runs}.\n\n${lines}`;
}
