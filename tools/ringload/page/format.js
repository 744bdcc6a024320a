// SPDX-License-Identifier: Apache-2.0
// Numbers as people read them, and the ticks of an axis.

const kSteps = [1, 2, 2.5, 5, 10];

function digits(value) {
  const size = Math.abs(value);
  if (size > 0 && size < 0.1) return String(Number(value.toPrecision(3)));
  const fraction = size >= 100 || size === 0 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
  return String(Number(value.toFixed(fraction)));
}

// All digits of what is large, in groups as tables have them.
const grouped = (value) => (Math.abs(value) >= 1000 ? Math.round(value).toLocaleString('en-US') : digits(value));

function scaled(value, base, units) {
  let index = 0;
  while (Math.abs(value) >= base * 0.99995 && index < units.length - 1) {
    value /= base;
    index++;
  }
  return `${digits(value)}${units[index]}`;
}

const format = {
  count: (value) => scaled(value, 1000, ['', ' k', ' M', ' G']),
  rate: (value) => `${format.count(value)}/s`,
  bytes: (value) => scaled(value, 1000, [' B', ' kB', ' MB', ' GB']),
  byte_rate: (value) => `${format.bytes(value)}/s`,
  seconds: (value) => `${digits(value)} s`,
  ms: (value) => (value === 0 ? '0' : value < 0.001 ? `${digits(value * 1e6)} ns` : value < 1 ? `${digits(value * 1e3)} µs` : value < 1e4 ? `${digits(value)} ms` : `${digits(value / 1e3)} s`),
  us: (value) => `${digits(value)} µs`,
  share: (value) => `${digits(value * 100)} %`,
  plain: (value) => digits(value),
};

// Round numbers that cover 0 to `highest`, at most `most` of them.
function linear_ticks(highest, most) {
  if (!(highest > 0)) return [0, 1];
  const raw = highest / most;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = kSteps.find((candidate) => candidate * power >= raw * 0.999999) * power;
  const ticks = [];
  for (let i = 0; i <= Math.ceil(highest / step - 1e-9); i++) ticks.push(Number((i * step).toPrecision(12)));
  return ticks;
}

// Powers of ten around the values.
function log_ticks(lowest, highest) {
  const first = Math.floor(Math.log10(lowest) + 1e-9);
  const last = Math.max(first + 1, Math.ceil(Math.log10(highest) - 1e-9));
  return Array.from({ length: last - first + 1 }, (_, i) => 10 ** (first + i));
}
