// SPDX-License-Identifier: Apache-2.0
// Waiting for what has to happen: every wait has a deadline, nothing ever waits for time to pass.

export const kWaitMs = Number(process.env.RINGCAST_TEST_WAIT_MS ?? 20000);

export class DeadlineError extends Error {}

// `describe` is called only when the deadline has passed, to say what was there instead.
export function within(promise, what, { ms = kWaitMs, describe = () => '' } = {}) {
  let timer;
  const deadline = new Promise((_, reject) => {
    const error = new DeadlineError();  // the stack of the caller, not of the timer
    timer = setTimeout(() => {
      error.message = `waited ${ms} ms for ${what}. ${describe()}`;
      reject(error);
    }, ms);
  });
  return Promise.race([promise, deadline]).finally(() => clearTimeout(timer));
}

// Asks again and again until `question` answers something true. For state that announces itself nowhere.
export async function until(question, what, { ms = kWaitMs, every_ms = 15 } = {}) {
  const end = performance.now() + ms;
  for (;;) {
    const answer = await question();
    if (answer) return answer;
    if (performance.now() > end) throw new DeadlineError(`asked for ${ms} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, every_ms));
  }
}
