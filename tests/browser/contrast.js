// SPDX-License-Identifier: Apache-2.0
// Contrast of all visible text by WCAG 2.1 (1.4.3), computed inside the page from what it really shows.

export function low_contrast(page) {
  return page.evaluate(() => {
    const channels = (text) => {
      const [r, g, b, a = 1] = text.match(/[\d.]+/g).map(Number);
      return { r, g, b, a };
    };
    const luminance = ({ r, g, b }) => {
      const [x, y, z] = [r, g, b].map((c) => (c / 255 <= 0.03928 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
      return 0.2126 * x + 0.7152 * y + 0.0722 * z;
    };
    const background = (element) => {
      for (let node = element; node; node = node.parentElement) {
        const color = channels(getComputedStyle(node).backgroundColor);
        if (color.a === 1) return color;
      }
      return { r: 255, g: 255, b: 255 };
    };
    const found = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let text = walker.nextNode(); text; text = walker.nextNode()) {
      const element = text.parentElement;
      const style = getComputedStyle(element);
      // What cannot be used yet is exempt (1.4.3, "Incidental").
      if (!text.data.trim() || style.visibility === 'hidden' || !element.getClientRects().length || element.closest(':disabled')) continue;
      const [a, b] = [luminance(channels(style.color)), luminance(background(element))];
      const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      if (ratio < 4.5) found.push(`${ratio.toFixed(2)} ${element.tagName}.${element.className} "${text.data.trim().slice(0, 30)}"`);
    }
    return found;
  });
}

// Controls that a screen reader could not name.
export function unnamed_controls(page) {
  return page.evaluate(() => [...document.querySelectorAll('input, select, button, [role="region"], [role="log"]')]
    .filter((element) => !(element.labels?.length || element.getAttribute('aria-label') || element.getAttribute('aria-labelledby') || element.textContent.trim()))
    .map((element) => element.outerHTML.slice(0, 80)));
}
