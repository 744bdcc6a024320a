// SPDX-License-Identifier: Apache-2.0
// Charts in SVG: lines over an axis, with the values under the pointer in the legend, and bars.

const kSvg = 'http://www.w3.org/2000/svg';
const kColors = 8;
const kChartHeight = 220;
const kLogFrom = 50;  // the largest value is so many times the smallest: a logarithmic axis shows both

// element('p', {class: 'note'}, 'text', child…)
function element(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children.filter((child) => child !== null));
  return node;
}

function svg(name, attributes, text) {
  const node = document.createElementNS(kSvg, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  return node;
}

const color_of = (index) => `var(--s${index % kColors})`;

// The largest and smallest of many points; the spread operator has a limit.
function extent(lines, axis) {
  let [low, high] = [Infinity, -Infinity];
  for (const { points } of lines) {
    for (const point of points) {
      low = Math.min(low, point[axis]);
      high = Math.max(high, point[axis]);
    }
  }
  return [low, high];
}

// x axes: time from the beginning, or a percentile's distance from 100 %, each a decade of 1/(1-q).
const kTimeAxis = {
  position: (seconds) => seconds,
  ticks: (high) => linear_ticks(high, 5).filter((tick) => tick <= high).map((tick) => [tick, format.seconds(tick)]),
  name: (seconds) => format.seconds(seconds),
};
const kQuantileAxis = {
  position: (quantile) => -Math.log10(Math.max(1 - quantile, 1e-9)),
  ticks: (high) => [0, 0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999, 0.999999]
    .map((quantile) => [kQuantileAxis.position(quantile), `${Number((quantile * 100).toPrecision(8))} %`])
    .filter(([at]) => at <= high + 1e-9),
  name: (quantile) => `${Number((quantile * 100).toPrecision(6))} %`,
};

// lines: [{name, color, dashed, points: [[x, y], …]}]; null when there is nothing to draw.
// phases: [{name, at}…]: a line where each begins.
function line_chart({ id, title, lines, axis = kTimeAxis, unit, log = false, phases = [] }) {
  const shown = lines.filter(({ points }) => points.length > 0);
  if (shown.length === 0) return null;
  const legend = element('div', { class: 'legend' });
  const readouts = shown.map(({ name, color, dashed }) => {
    const value = element('b');
    legend.append(element('span', {}, swatch(color, dashed), `${name} `, value));
    return value;
  });
  const at = element('b');
  legend.append(element('span', {}, at));
  const figure = element('figure', { class: 'card', id }, element('figcaption', {}, title));
  const canvas = svg('svg', { role: 'img', 'aria-label': `${title}: ${shown.map(describe).join('; ')}`, height: kChartHeight });
  figure.append(canvas, legend);

  function describe({ name, points }) {
    const [low, high] = extent([{ points }], 1);
    return `${name} from ${unit(low)} to ${unit(high)}`;
  }

  let to_x = null;
  let cursor = null;
  function draw() {
    const width = Math.max(canvas.clientWidth, 200);
    const [, x_high] = extent(shown.map(({ points }) => ({ points: points.map(([x]) => [axis.position(x)]) })), 0);
    const [low, high] = extent(shown, 1);
    const logarithmic = log && low > 0 && high / low > kLogFrom;
    const y_ticks = logarithmic ? log_ticks(low, high) : linear_ticks(high, 4);
    const left = 10 + 6.6 * Math.max(...y_ticks.map((tick) => unit(tick).length));
    const [right, top, bottom] = [width - 14, 8, kChartHeight - 22];
    const scale = logarithmic ? Math.log10 : (value) => value;
    const [y_low, y_high] = [scale(y_ticks[0]), scale(y_ticks.at(-1))];
    to_x = (value) => left + (right - left) * (axis.position(value) / (x_high || 1));
    const to_y = (value) => bottom - (bottom - top) * ((scale(value) - y_low) / (y_high - y_low));

    canvas.replaceChildren();
    canvas.setAttribute('viewBox', `0 0 ${width} ${kChartHeight}`);
    for (const tick of y_ticks) {
      canvas.append(svg('line', { class: 'grid', x1: left, x2: right, y1: to_y(tick), y2: to_y(tick) }));
      canvas.append(svg('text', { x: left - 6, y: to_y(tick) + 4, 'text-anchor': 'end' }, unit(tick)));
    }
    let free_from = -Infinity;
    for (const [position, text] of axis.ticks(x_high)) {
      const x = left + (right - left) * (position / (x_high || 1));
      const half = 3.3 * text.length;
      if (x - half < free_from || x + half > width) continue;
      free_from = x + half + 8;
      canvas.append(svg('text', { x, y: kChartHeight - 6, 'text-anchor': 'middle' }, text));
    }
    phases.forEach(({ name, at: begin }, i) => {
      const [x, end] = [to_x(begin), i + 1 < phases.length ? to_x(phases[i + 1].at) : right];
      if (x > right) return;
      canvas.append(svg('line', { class: 'phase', x1: x, x2: x, y1: top, y2: bottom }));
      // A phase that is shorter than its name has a line only.
      if (end - x > 5.5 * name.length + 6) canvas.append(svg('text', { class: 'phase-name', x: x + 3, y: top + 8 }, name));
    });
    shown.forEach(({ color, dashed, points }) => {
      const path = points.map(([x, y], i) => `${i ? 'L' : 'M'}${to_x(x).toFixed(1)} ${to_y(y).toFixed(1)}`).join('');
      // A single point would be no line at all.
      const single = points.length === 1 ? 'h3' : '';
      canvas.append(svg('path', { d: path + single, stroke: color, class: dashed ? 'dashed' : '' }));
    });
    cursor = svg('line', { class: 'cursor', y1: top, y2: bottom, visibility: 'hidden' });
    canvas.append(cursor);
  }

  const nearest = (points, x) => points.reduce((best, point) => (Math.abs(to_x(point[0]) - x) < Math.abs(to_x(best[0]) - x) ? point : best));
  canvas.addEventListener('pointermove', (event) => {
    const x = event.clientX - canvas.getBoundingClientRect().left;
    const chosen = shown.map(({ points }) => nearest(points, x));
    chosen.forEach(([, y], i) => { readouts[i].textContent = unit(y); });
    at.textContent = `at ${axis.name(chosen[0][0])}`;
    cursor.setAttribute('x1', to_x(chosen[0][0]));
    cursor.setAttribute('x2', to_x(chosen[0][0]));
    cursor.setAttribute('visibility', 'visible');
  });
  canvas.addEventListener('pointerleave', () => {
    for (const value of [...readouts, at]) value.textContent = '';
    cursor.setAttribute('visibility', 'hidden');
  });
  new ResizeObserver(draw).observe(canvas);
  return figure;
}

function swatch(color, dashed = false) {
  return element('span', { class: dashed ? 'swatch dashed' : 'swatch', style: `--color: ${color}` });
}

// bars: [{name, color, value, text}]; null when there is nothing to draw.
function bar_chart({ title, bars }) {
  const shown = bars.filter(({ value }) => Number.isFinite(value));
  if (shown.length === 0) return null;
  const highest = Math.max(...shown.map(({ value }) => value), 0);
  const card = element('figure', { class: 'card' }, element('figcaption', {}, title));
  for (const { name, color, value, text } of shown) {
    const share = highest > 0 ? Math.max(value, 0) / highest : 0;
    const bar = element('i', { style: `--color: ${color}; width: ${(share * 55).toFixed(2)}%` });
    card.append(element('div', { class: 'bar-row' }, element('span', {}, name), element('div', { class: 'bar' }, bar, element('span', {}, text))));
  }
  return card;
}

// rows: [[head, cell…]]; a cell is a text, or {text, class}.
function table(columns, rows, label) {
  const cell = (value) => (typeof value === 'object' ? element('td', { class: value.class ?? '' }, value.text) : element('td', {}, value));
  const wordy = (i) => i > 0 && rows.some((row) => row[i]?.class === 'words');
  const head = element('tr', {}, ...columns.map((text, i) => element('th', wordy(i) ? { scope: 'col', class: 'words' } : { scope: 'col' }, text)));
  const body = rows.map(([first, ...rest]) => element('tr', {}, element('th', { scope: 'row' }, first), ...rest.map(cell)));
  return element('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': label },
    element('table', {}, element('thead', {}, head), element('tbody', {}, ...body)));
}
