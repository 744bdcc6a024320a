// SPDX-License-Identifier: Apache-2.0
// The examples in the project's pages.

import { readFileSync } from 'node:fs';

// The blocks in this language below a heading of a page, as its readers copy them.
export function examples(page, heading, language) {
  const text = readFileSync(new URL(`../../../${page}`, import.meta.url), 'utf8');
  const from = text.indexOf(`\n## ${heading}\n`);
  if (from < 0) throw new Error(`${page} has no heading "${heading}"`);
  const to = text.indexOf('\n## ', from + 1);
  const found = [...text.slice(from, to < 0 ? undefined : to).matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'gm'))];
  if (found.length === 0) throw new Error(`${page}, "${heading}" has nothing in ${language}`);
  return found.map(([, code]) => code);
}
