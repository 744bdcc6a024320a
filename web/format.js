// SPDX-License-Identifier: Apache-2.0
// Figures as people read them, and elements that hold text; for all pages.

const number = new Intl.NumberFormat('en', { maximumFractionDigits: 1 });

const short = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });

export const count = (value) => number.format(value);
export const rounded = (value) => (value < 100 ? value : Math.round(value));
export const short_count = (value) => (value < 10000 ? count(rounded(value)) : short.format(value));   // 12.3K
export const percent = (value) => `${number.format(100 * value)} %`;

export function bytes(value) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${number.format(value)} ${units[unit]}`;
}

// In the largest unit of which there are at least two.
export function duration(seconds) {
  const [size, unit] = [[86400, 'd'], [3600, 'h'], [60, 'min']].find(([length]) => seconds >= 2 * length) ?? [1, 's'];
  return `${Math.floor(seconds / size)} ${unit}`;
}

// "14:03", of seconds since 1970, in the time of this machine.
export function clock(at, seconds = false) {
  const time = new Date(1000 * at);
  const parts = [time.getHours(), time.getMinutes(), ...(seconds ? [time.getSeconds()] : [])];
  return parts.map((part) => String(part).padStart(2, '0')).join(':');
}

// "27 Nov 2026, 16:05"
export const date = (ms) => new Date(ms).toLocaleString('en-GB', { dateStyle: 'medium', timeStyle: 'short' });

export function element(tag, text = '', class_name = '') {
  const node = document.createElement(tag);
  node.textContent = text;
  if (class_name) node.className = class_name;
  return node;
}
