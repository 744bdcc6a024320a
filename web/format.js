// SPDX-License-Identifier: Apache-2.0
// Figures as people read them, and elements that hold text; for all pages.

const number = new Intl.NumberFormat('en', { maximumFractionDigits: 1 });

export const count = (value) => number.format(value);
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

export function element(tag, text = '', class_name = '') {
  const node = document.createElement(tag);
  node.textContent = text;
  if (class_name) node.className = class_name;
  return node;
}
