// SPDX-License-Identifier: Apache-2.0
// The page: runs of ringload as a table and charts, one colour per run, and the tables of tools/compare.

const kFigures = [
  ['connections', 'Connections', (run) => run.connections, format.count],
  ['connects_per_s', 'Connects', (run) => run.connects_per_s, format.rate],
  ['ready_p99', 'Ready p99', (run) => run.latency_ms?.ready?.p99, format.ms],
  ['published', 'Published', (run) => (run.deliveries ? run.published : undefined), format.count],
  ['deliveries_per_s', 'Deliveries', (run) => run.deliveries_per_s || undefined, format.rate],
  ['p50', 'Latency p50', (run) => run.latency_ms?.corrected?.p50, format.ms],
  ['p99', 'Latency p99', (run) => run.latency_ms?.corrected?.p99, format.ms],
  ['p99.9', 'Latency p99.9', (run) => run.latency_ms?.corrected?.['p99.9'], format.ms],
  ['max', 'Latency max', (run) => run.latency_ms?.corrected?.max, format.ms],
  ['uncorrected_p99', 'Uncorrected p99', (run) => run.latency_ms?.uncorrected?.p99, format.ms],
  ['lost', 'Lost', (run) => run.lost, format.count],
  ['duplicates', 'Duplicates', (run) => run.duplicates, format.count],
  ['reordered', 'Reordered', (run) => run.reordered, format.count],
  ['errors', 'Errors', (run) => Object.values(run.errors ?? {}).reduce((sum, count) => sum + count, 0), format.count],
  ['cpu', 'Server CPU per delivery', (run) => run.server?.cpu_us_per_delivery, format.us],
  ['load', 'Server load', (run) => run.server?.load, format.share],
  ['memory', 'Server memory per connection', (run) => run.server?.memory_per_connection, (bytes) => (bytes < 0 ? 'below the noise' : format.bytes(bytes))],
  ['tcp_memory', 'TCP memory per connection', (run) => run.server?.tcp_memory_per_connection, (bytes) => (bytes < 0 ? 'below the noise' : format.bytes(bytes))],
  ['generator', 'Generator load', (run) => run.generator_load?.reduce((most, load) => Math.max(most, load), 0), format.share],
];
// What was measured, when and how; older files do not say all of it.
const kFacts = [
  ['Date', (run) => run.started],
  ['Command', (run) => run.command],
  ['Target', (run) => run.target],
  ['Server', (run) => run.server_version],
  ['ringload', (run) => run.version],
  ['Engine', (run) => run.engine && `${run.engine}, ${run.threads} ${run.threads === 1 ? 'thread' : 'threads'}`],
  ['Load', (run) => (run.in_flight ? `${run.publishers} × ${run.in_flight} under way` : run.rate ? `${format.rate(run.rate)}${run.rooms > 1 ? ' a room' : ''}` : undefined)],
  ['Payload', (run) => run.payload_bytes && format.bytes(run.payload_bytes)],
];
const kPartialSpan = 0.5;  // seconds
const kWords = 36;  // characters of a cell
const kCompared = ['p50', 'p99', 'p99.9', 'deliveries_per_s', 'connects_per_s', 'cpu', 'memory'];

// A chart over time: id, title, unit, [[name, field, dashed]…], whether a logarithmic axis may be taken.
const kOverTime = [
  ['rate', 'Deliveries over time', format.rate, [['deliveries', 'deliveries_per_s'], ['published', 'published_per_s', true]]],
  ['latency-over-time', 'Latency over time', format.ms, [['p99', 'p99_ms'], ['p50', 'p50_ms', true]], true],
  ['bytes', 'Bytes over time', format.byte_rate, [['received', 'bytes_in_per_s'], ['sent', 'bytes_out_per_s', true]]],
  ['cpu', 'CPU over time, in cores', format.plain, [['server', 'server_cores'], ['busiest generator thread', 'generator_load', true]]],
  ['memory', 'Memory over time', format.bytes, [['server (resident)', 'server_rss_bytes'], ['TCP, both ends', 'tcp_memory_bytes', true]]],
  ['connections', 'Connections over time', format.count, [['ready', 'connections']]],
  ['connects', 'Connects over time', format.rate, [['begun', 'connects_per_s']]],
];

const kHistograms = [['corrected', 'Latency'], ['uncorrected', 'uncorrected'], ['last_member', 'Until the last member has it'], ['ready', 'Connect until ready'], ['lag', 'Schedule lag']];

const scenario_of = (run) => `${run.scenario} over ${run.transport}, ${format.count(run.connections)} connections`;

// Names that tell runs apart: given ones, else what the run was.
function name_runs(runs) {
  const names = runs.map((run) => run.name || scenario_of(run));
  return names.map((name, i) => (names.indexOf(name) === names.lastIndexOf(name) ? name : `${name} (${names.slice(0, i + 1).filter((other) => other === name).length})`));
}

// [[quantile, ms]…]: the curve, or the few levels that older files have.
function curve_of(histogram) {
  if (!histogram) return [];
  if (histogram.curve) return histogram.curve.filter(([, ms]) => ms > 0);
  return Object.entries(histogram).filter(([name]) => /^p[\d.]+$/.test(name)).map(([name, ms]) => [Number(name.slice(1)) / 100, ms]);
}

function percentile_charts(runs) {
  const line = (run, kind, name, dashed) => ({ name, color: dashed && runs.length === 1 ? color_of(1) : run.color, dashed, points: curve_of(run.latency_ms?.[kind]) });
  const named = (run, text) => (runs.length > 1 ? `${run.name}${text ? `, ${text}` : ''}` : text || 'corrected');
  const latency = runs.flatMap((run) => [line(run, 'corrected', named(run, ''), false), line(run, 'uncorrected', named(run, 'uncorrected'), true)]);
  const others = kHistograms.slice(2).map(([kind, title]) =>
    line_chart({ id: `percentiles-${kind}`, title: `${title}, percentiles`, axis: kQuantileAxis, unit: format.ms, log: true,
      lines: runs.map((run) => line(run, kind, runs.length > 1 ? run.name : title.toLowerCase(), false)) }));
  return [line_chart({ id: 'percentiles', title: 'Latency percentiles', lines: latency, axis: kQuantileAxis, unit: format.ms, log: true }), ...others];
}

// What is left after the last whole second has rates that are those of a moment.
function whole_samples(series = []) {
  const whole = series.filter(({ span_s: span }) => span > kPartialSpan);
  return whole.length > 0 ? whole : series;
}

// [{name, at}…]: where connect, settle, warm-up, ramps, hold and drain begin.
const phases_of = (run) => (run.phases ?? []).map(({ name, at_s: at }) => ({ name: name.replace('warmup', 'warm-up').replace('_', ' '), at }));

function time_charts(runs) {
  const phases = runs.length === 1 ? phases_of(runs[0]) : [];
  return kOverTime.map(([id, title, unit, fields, log = false]) => line_chart({ id, title, unit, log, phases,
    lines: runs.flatMap((run) => fields.map(([name, field, dashed = false], i) => ({
      name: runs.length > 1 ? `${run.name}, ${name}` : name,
      color: runs.length > 1 ? run.color : color_of(i),
      dashed,
      points: whole_samples(run.series).filter((sample) => Number.isFinite(sample[field])).map((sample) => [sample.at_s, sample[field]]),
    }))) }));
}

function run_notices(runs) {
  return runs.filter((run) => run.valid === false).map((run) => element('div', { class: 'invalid', role: 'note' },
    element('strong', {}, 'INVALID '), `${run.name}: ${run.invalid.join('; ')}. These figures do not count.`));
}

function figures_table(runs) {
  const rows = [['Scenario', ...runs.map((run) => run.scenario)], ['Transport', ...runs.map((run) => run.transport)],
    ['Counts', ...runs.map((run) => (run.valid === false ? { text: 'INVALID', class: 'quiet' } : 'yes'))]];
  for (const [title, fact] of kFacts) {
    const values = runs.map(fact);
    if (values.some((value) => value !== undefined)) rows.push([title, ...values.map((value) => (value === undefined ? '–' : { text: value, class: 'fact' }))]);
  }
  for (const text of new Set(runs.flatMap((run) => (run.thresholds ?? []).map((each) => each.text)))) {
    rows.push([`fails if ${text}`, ...runs.map((run) => {
      const verdict = run.thresholds?.find((each) => each.text === text);
      if (!verdict) return '–';
      const measured = verdict.value === undefined ? 'no such figure' : verdict.measured ?? digits(verdict.value);
      return { text: `${verdict.crossed ? '✗' : '✓'} ${measured}`, class: verdict.crossed ? 'worse' : 'better' };
    })]);
  }
  for (const [, title, figure, unit] of kFigures) {
    const values = runs.map(figure);
    if (values.every((value) => value === undefined)) continue;
    rows.push([title, ...values.map((value) => (value === undefined ? '–' : unit(value)))]);
  }
  return table(['', ...runs.map((run) => run.name)], rows, 'Figures of the runs');
}

function show_runs(parent, runs) {
  if (runs.length === 0) return;
  parent.append(...run_notices(runs));
  if (runs.length > 1) {
    parent.append(element('ul', { class: 'runs' }, ...runs.map((run) => element('li', {}, swatch(run.color), run.name))));
    const bars = kCompared.map((wanted) => {
      const [, title, figure, unit] = kFigures.find(([name]) => name === wanted);
      return bar_chart({ title, bars: runs.map((run) => ({ name: run.name, color: run.color, value: figure(run), text: unit(figure(run) ?? 0) })) });
    });
    section(parent, 'Side by side', bars);
  }
  section(parent, 'Latency', percentile_charts(runs));
  section(parent, 'In the course of time', time_charts(runs));
  parent.append(element('h2', {}, 'Figures'), figures_table(runs));
}

function section(parent, title, charts) {
  const drawn = charts.filter((chart) => chart !== null);
  if (drawn.length > 0) parent.append(element('h2', {}, title), element('div', { class: 'charts' }, ...drawn));
}

// A document of tools/compare: tables as they stand, and for a comparison the medians as bars.
function show_comparison(parent, comparison) {
  for (const { title, note, columns, rows } of comparison.tables) {
    parent.append(element('h2', {}, title));
    if (note) parent.append(element('p', { class: 'note' }, note));
    parent.append(table(columns, rows.map((row) => row.map((cell) => ({ text: cell, class: class_of(cell) })).map((cell, i) => (i ? cell : cell.text))), title));
  }
  const bars = (comparison.rows ?? []).map(({ title, unit, values }) => bar_chart({
    title: `${title}, ${unit}`,
    bars: (comparison.servers ?? []).map(({ name }, i) => {
      const { median, mad } = values[name] ?? {};
      return { name, color: color_of(i), value: median ?? NaN, text: `${grouped(median ?? 0)} ± ${grouped(mad ?? 0)}` };
    }),
  }));
  section(parent, 'Medians', bars);
}

// What a cell says, by its text; sentences are set as such.
const class_of = (text) => (text.length > kWords ? 'words' : /\bnoise\b/.test(text) ? 'noise' : /\bbetter\b/.test(text) ? 'better' : /\bworse\b/.test(text) ? 'worse' : /INVALID/.test(text) ? 'quiet' : '');

// entries: [{name, document}…]; a document is a run or a comparison.
function show(entries) {
  const parent = document.getElementById('report');
  const documents = entries.map(({ name, document: content }) => ({ ...content, name }));
  const comparisons = documents.filter(({ tables }) => tables);
  const runs = documents.filter(({ scenario }) => scenario);
  const names = name_runs(runs);
  runs.forEach((run, i) => Object.assign(run, { name: names[i], color: color_of(i) }));
  const parts = [];
  if (runs.length > 0) parts.push(runs.length === 1 ? scenario_of(runs[0]) : `${runs.length} runs`);
  for (const { title } of comparisons) parts.push(title);
  document.getElementById('subtitle').textContent = parts.join('; ');
  document.title = `ringload: ${parts.join('; ')}`;
  for (const comparison of comparisons) show_comparison(parent, comparison);
  show_runs(parent, runs);
}

show(JSON.parse(document.getElementById('documents').textContent));
