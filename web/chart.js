// SPDX-License-Identifier: Apache-2.0
// A moving chart: some lines over the last minutes, the newest at the right, its scale from zero to a round number.

const kSamples = 300;
const kWidth = 300;
const kHeight = 100;
const kLineStyles = 4;
const kSvg = 'http://www.w3.org/2000/svg';

function svg(tag, attributes) {
  const node = document.createElementNS(kSvg, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

function html(tag, class_name = '', text = '') {
  const node = document.createElement(tag);
  node.className = class_name;
  node.textContent = text;
  return node;
}

// 1, 2 or 5 times a power of ten, not below `value`.
function round_up(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((factor) => factor * power).find((round) => round >= value);
}

export class Chart {
  // format(value) makes text; `top`: the scale's end where it is known
  constructor(parent, { title, format, top = 0, least = 1 }) {
    Object.assign(this, { title, format, top, least });
    this.lines = new Map();   // name → {samples, polyline, value}
    this.figure = html('figure', 'card chart');
    const head = html('div', 'head');
    this.scale = html('span', 'muted');
    head.append(html('h2', '', title), this.scale);
    this.plot = svg('svg', { viewBox: `0 0 ${kWidth} ${kHeight}`, preserveAspectRatio: 'none', role: 'img' });
    this.legend = html('figcaption');
    this.figure.append(head, this.plot, this.legend);
    parent.append(this.figure);
  }

  // {name: value}; a name that is new gets a line, one that is gone stays where it was.
  add(values) {
    for (const [name, value] of Object.entries(values)) {
      const { samples } = this.lines.get(name) ?? this.begin(name);
      samples.push(value);
      if (samples.length > kSamples) samples.shift();
    }
    this.draw();
  }

  begin(name) {
    const style = `line-${this.lines.size % kLineStyles + 1}`;
    const polyline = svg('polyline', { class: style });
    const key = html('span');
    const swatch = svg('svg', { viewBox: '0 0 22 8', 'aria-hidden': 'true' });
    swatch.append(svg('polyline', { class: style, points: '0,4 22,4' }));
    const value = html('b');
    key.append(swatch, html('span', '', name), value);
    this.plot.append(polyline);
    this.legend.append(key);
    const line = { samples: [], polyline, value };
    this.lines.set(name, line);
    return line;
  }

  draw() {
    const lines = [...this.lines.values()];
    const top = this.top || round_up(Math.max(this.least, ...lines.flatMap(({ samples }) => samples)));
    const step = kWidth / (kSamples - 1);
    for (const { samples, polyline, value } of lines) {
      const first = kSamples - samples.length;
      polyline.setAttribute('points', samples.map((sample, i) =>
        `${((first + i) * step).toFixed(1)},${(kHeight - (kHeight - 3) * Math.min(sample, top) / top).toFixed(1)}`).join(' '));
      value.textContent = this.format(samples.at(-1));
    }
    this.scale.textContent = `0 to ${this.format(top)}`;
    this.plot.setAttribute('aria-label', `${this.title} over the last five minutes; now ${[...this.lines].map(([name, { samples }]) => `${name} ${this.format(samples.at(-1))}`).join(', ')}`);
  }
}
