// SPDX-License-Identifier: Apache-2.0
// Writes what node's test runner reports as TAP, a line for each test, the failed ones once more at the end, and the
// count as the last line. Ends the process when all that was defined has run: what a failed test left open must not
// keep it.

import { end_of_run } from './command_line.js';

const kLinesMax = 40;

class Report {
  constructor() {
    this.number = 0;
    this.counts = { passed: 0, failed: 0, skipped: 0 };
    this.failed = [];
  }

  event({ type, data }) {
    if (type === 'test:pass') return this.passed(data);
    if (type !== 'test:fail') return '';
    const { error } = data.details;
    // A group fails with its tests, which have been reported; or for itself, when its server did not start: then its
    // tests do not run.
    if (error.failureType === 'subtestsFailed') return '';
    if (error.failureType === 'cancelledByParent') return `# not run: ${data.name}\n`;
    return this.failure(data.name, error.cause ?? error);
  }

  passed({ name, nesting, skip, details: { type, duration_ms } }) {
    if (type === 'suite') return nesting === 0 ? `# ${name} took ${(duration_ms / 1000).toFixed(1)} s\n` : '';
    this.counts[skip === undefined ? 'passed' : 'skipped']++;
    return `ok ${++this.number} - ${name}${skip === undefined ? '' : ` # SKIP ${skip}`} (${duration_ms.toFixed(0)} ms)\n`;
  }

  failure(name, error) {
    this.counts.failed++;
    this.failed.push(name);
    // `post_mortem`: what a server said before it ended without having been asked to.
    const lines = String(error?.stack ?? error).split('\n').slice(0, kLinesMax).concat(error?.post_mortem ? error.post_mortem.split('\n') : []);
    return `not ok ${++this.number} - ${name}\n${lines.map((line) => `#   ${line}\n`).join('')}`;
  }

  end() {
    const { passed, failed, skipped } = this.counts;
    return `1..${this.number}\n${this.failed.map((name) => `# failed: ${name}\n`).join('')}${passed} passed, ${failed} failed, ${skipped} skipped\n`;
  }
}

const write = (text) => process.stdout.write(text);

// node says so of what a test did after its end, and nothing of what it was.
function report_stray(error) {
  write(`${String(error?.stack ?? error).split('\n').slice(0, kLinesMax).map((line) => `# ${line}\n`).join('')}`);
}

export default async function* reporter(events) {
  for (const event of ['uncaughtException', 'unhandledRejection']) process.on(event, report_stray);
  const report = new Report();
  write('TAP version 13\n');
  let groups = 0;
  for await (const event of events) {
    write(report.event(event));
    if ((event.type === 'test:pass' || event.type === 'test:fail') && event.data.nesting === 0) ++groups;
    if (groups !== end_of_run.groups) continue;
    await end_of_run.finish();
    if (process.exitCode && !report.counts.failed) write(report.failure('after the end of a test', 'see the error above'));
    write(report.end());
    process.exit(report.counts.failed ? 1 : 0);
  }
}
