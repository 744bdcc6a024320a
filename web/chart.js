// SPDX-License-Identifier: Apache-2.0
// A chart of the last five minutes, drawn by uPlot (a global of vendor/uplot): time below, a scale of round numbers at
// the left, and the values under the pointer, or now, beside the names of the lines. The arrow keys move the pointer.

import { clock, element } from './format.js';

const kSeconds = 300;
const kHeight = 190;
const kStyles = 4;
const kDashes = [[], [6, 3], [2, 3], [9, 3, 2, 3]];   // lines differ by more than their colour
const kTimeSteps = [15, 30, 60, 120, 300];
const kTimeWidth = 50;      // of a label and the room beside it
const kSecondsWidth = 20;   // more where it has seconds
const kDigitWidth = 7;
const kLinesAbout = 4;   // steps of the scale
const kSync = 'dashboard';
const kSvg = 'http://www.w3.org/2000/svg';

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// The step of a scale from zero that has about four of them: 1, 2 or 5 times a power of ten; of bytes a power of two.
export function step_of(most, { binary = false } = {}) {
  const least = most / kLinesAbout;
  if (binary) return 2 ** Math.ceil(Math.log2(least));
  const power = 10 ** Math.floor(Math.log10(least));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= least * (1 - 1e-9));
}

function swatch(style) {
  const node = document.createElementNS(kSvg, 'svg');
  const line = document.createElementNS(kSvg, 'line');
  node.setAttribute('viewBox', '0 0 22 8');
  node.setAttribute('aria-hidden', 'true');
  for (const [name, value] of [['x1', 0], ['x2', 22], ['y1', 4], ['y2', 4], ['class', `line-${style + 1}`]]) line.setAttribute(name, value);
  node.append(line);
  return node;
}

export class Chart {
  // format(value) makes text; `least`: what the scale reaches when there is less; `top`: its end where that is known;
  // `binary`: in powers of two. `others`: charts whose pointers move with this one's.
  constructor(parent, { title, about, format, least = 4, top = 0, binary = false, others = [] }) {
    Object.assign(this, { title, format, least, top, binary, others });
    this.names = [];
    this.data = [[]];
    this.plot = null;
    this.figure = element('figure', '', 'card chart');
    const head = element('figcaption', '', 'head');
    this.at = element('p', '', 'muted at');
    head.append(element('h2', title), this.at, element('p', about, 'muted about'));
    this.legend = element('ul', '', 'legend');
    this.frame = element('div', '', 'plot');
    this.frame.tabIndex = 0;
    this.frame.setAttribute('role', 'img');
    this.frame.addEventListener('keydown', (event) => this.on_key(event));
    this.frame.addEventListener('blur', () => this.point_all(null));
    this.figure.append(head, this.legend, this.frame);
    parent.append(this.figure);
    new ResizeObserver(() => this.plot?.setSize(this.size())).observe(this.frame);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.plot?.redraw());
    others.push(this);
  }

  size() { return { width: Math.max(120, this.frame.clientWidth), height: kHeight }; }

  // times in seconds; columns as many as names, with null where nothing is known
  show(times, names, columns) {
    this.data = [times, ...columns];
    if (names.join() !== this.names.join()) this.begin(names);
    else this.plot.setData(this.data);
    this.show_values();
  }

  begin(names) {
    this.names = names;
    this.values = names.map((name, i) => {
      const row = element('li');
      const value = element('b');
      row.append(swatch(i % kStyles), element('span', name), value);
      return { row, value };
    });
    this.legend.replaceChildren(...this.values.map(({ row }) => row));
    this.plot?.destroy();
    this.plot = new uPlot(this.options(), this.data, this.frame);
  }

  options() {
    const line = { stroke: () => css('--line'), width: 1 };
    const axis = { stroke: () => css('--muted'), grid: line, ticks: { ...line, size: 4 }, gap: 4, font: '12px system-ui, sans-serif' };
    return {
      ...this.size(), legend: { show: false }, padding: [8, kTimeWidth / 2, 0, 0],
      cursor: { y: false, drag: { x: false, y: false }, sync: { key: kSync }, points: { size: 7 } },
      scales: {
        x: { time: false, range: () => this.window() },
        y: { range: () => [0, this.scale().top] },
      },
      axes: [
        {
          ...axis, space: kTimeWidth, size: 26,
          splits: (u, i, from, to) => this.times(u, from, to), values: (u, times) => times.map((at) => clock(at, this.time_step < 60)),
        },
        {
          ...axis, size: (u, texts) => 14 + kDigitWidth * Math.max(2, ...(texts ?? []).map((text) => text.length)),
          splits: () => this.steps(), values: (u, steps) => steps.map(this.format),
        },
      ],
      series: [{}, ...this.names.map((name, i) => ({
        label: name, stroke: () => css(`--line-${i % kStyles + 1}`), width: 2, dash: kDashes[i % kStyles], points: { show: false },
      }))],
      hooks: { setCursor: [() => this.show_values()] },
    };
  }

  window() {
    const end = this.data[0].at(-1) ?? 0;
    return [end - kSeconds, end];
  }

  scale() {
    if (this.top) return { top: this.top, step: this.top / kLinesAbout };
    const most = Math.max(this.least, ...this.data.slice(1).flat().map((value) => value ?? 0));
    const step = step_of(most, this);
    return { top: Math.ceil(most / step - 1e-9) * step, step };
  }

  steps() {
    const { top, step } = this.scale();
    return Array.from({ length: Math.round(top / step) + 1 }, (_, i) => i * step);
  }

  times(u, from, to) {
    const fits = (step) => kSeconds / step * (kTimeWidth + (step < 60 ? kSecondsWidth : 0)) <= u.width - 60;
    this.time_step = kTimeSteps.find(fits) ?? kTimeSteps.at(-1);
    const times = [];
    for (let at = Math.ceil(from / this.time_step) * this.time_step; at <= to; at += this.time_step) times.push(at);
    return times;
  }

  // --- values under the pointer ---

  show_values() {
    const times = this.data[0];
    const under = this.plot?.cursor.idx ?? null;
    const index = under !== null && under < times.length ? under : times.length - 1;
    const texts = this.names.map((name, i) => {
      const value = this.data[i + 1][index];
      return value === null || value === undefined ? '–' : this.format(value);
    });
    texts.forEach((text, i) => { this.values[i].value.textContent = text; });
    this.at.textContent = under === null ? 'now' : `at ${clock(times[index], true)}`;
    const shown = this.names.map((name, i) => `${name} ${texts[i]}`).join(', ');
    this.frame.setAttribute('aria-label',
      `${this.title}, the last five minutes; ${this.at.textContent}: ${shown}. Left and right arrow keys show other times.`);
  }

  point(index) {
    if (!this.plot) return;
    const left = index === null ? -10 : this.plot.valToPos(this.data[0][index], 'x');
    this.plot.setCursor({ left, top: index === null ? -10 : kHeight / 3 });
  }

  point_all(index) {
    for (const chart of this.others) chart.point(index);
  }

  on_key(event) {
    const last = this.data[0].length - 1;
    const now = this.plot?.cursor.idx ?? last;
    const moves = { ArrowLeft: now - 1, ArrowRight: now + 1, PageUp: now - 30, PageDown: now + 30, Home: 0, End: last };
    if (event.key === 'Escape') this.point_all(null);
    else if (event.key in moves && last >= 0) this.point_all(Math.min(last, Math.max(0, moves[event.key])));
    else return;
    event.preventDefault();
  }
}
