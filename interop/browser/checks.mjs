// Runs checks one after another, a line for each, and counts them.

import { setTimeout as sleep } from "node:timers/promises";

const CHECK_MS = 20_000;
const POLL_MS = 50;
const MAX_SHOWN_CHARACTERS = 300;

export class Checks {
  #passed = 0;
  #failed = 0;

  /** Runs one check. A failure is told and counted; the following checks still run. */
  async check(what, run) {
    const bound = new AbortController();
    const late = sleep(CHECK_MS, null, { signal: bound.signal }).then(() => {
      throw new Error(`not done after ${CHECK_MS / 1000} s`);
    });
    late.catch(() => {});
    try {
      const remark = await Promise.race([run(), late]);
      this.#passed += 1;
      console.log(`ok      ${what}${remark ? ` (${remark})` : ""}`);
    } catch (error) {
      this.#failed += 1;
      console.log(`FAILED  ${what}: ${error.message.split("\n")[0].slice(0, MAX_SHOWN_CHARACTERS)}`);
    } finally {
      bound.abort();
    }
  }

  /** Prints the sum and answers with the exit code. */
  finish() {
    console.log(`${this.#passed} passed, ${this.#failed} failed`);
    return this.#failed === 0 ? 0 : 1;
  }
}

/**
 * Waits until `read` gives a value that `holds`, and returns it.
 *
 * Polls from outside the page: the page's own policy forbids evaluating strings in it.
 */
export async function until(what, read, holds = Boolean, milliseconds = 8_000) {
  const deadline = Date.now() + milliseconds;
  for (;;) {
    const value = await read();
    if (holds(value)) return value;
    if (Date.now() > deadline) throw new Error(`${what}: still ${JSON.stringify(value)}`);
    await sleep(POLL_MS);
  }
}

export function equal(what, actual, expected) {
  if (actual !== expected) throw new Error(`${what}: ${JSON.stringify(actual)}, expected ${JSON.stringify(expected)}`);
}
