// SPDX-License-Identifier: Apache-2.0
// A cluster of Kafka as librdkafka plays it (tests/kafka/mock_kafka.cc), of a test's own, with a producer. Owned by a test,
// which must stop() it.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { within } from './deadline.js';

const program_of = (bin) => join(dirname(bin), '..', '..', 'tests', 'kafka', 'mock_kafka');

export class Kafka {
  // `bin`: the server under test, beside which the program was built.
  static has(bin) { return existsSync(program_of(bin)); }

  static async start(bin) {
    const kafka = new Kafka();
    kafka.process = spawn(program_of(bin), [], { stdio: ['pipe', 'pipe', 'inherit'] });
    kafka.exited = once(kafka.process, 'exit');
    kafka.lines = createInterface({ input: kafka.process.stdout })[Symbol.asyncIterator]();
    kafka.address = await kafka.#line('its address');
    kafka.turn = Promise.resolve();
    return kafka;
  }

  async #line(what) { return (await within(this.lines.next(), what, { ms: 60000 })).value; }

  // Commands, one after the other: the answer to the last one.
  ask_all(commands) {
    const answers = this.turn.then(async () => {
      this.process.stdin.write(commands.map((words) => `${words.join('\t')}\n`).join(''));
      let answer;
      for (const words of commands) {
        answer = await this.#line(`an answer to ${words[0]}`);
        if (answer !== 'ok' && words[0] !== 'committed') throw new Error(`${words.join(' ')}: ${answer}`);
      }
      return answer;
    });
    this.turn = answers.catch(() => {});
    return answers;
  }

  ask(...words) { return this.ask_all([words]); }

  // [topic, partition, key, body] or with a header's name and value behind.
  produce_all(messages) { return this.ask_all([...messages.map((words) => ['produce', ...words]), ['flush']]); }

  async committed(topic, partition, group = 'ringcast') { return Number(await this.ask('committed', group, topic, partition)); }

  url() { return `kafka://${this.address}`; }

  async stop() {
    this.process.kill('SIGKILL');
    await within(this.exited, 'the end of mock_kafka');
  }
}
