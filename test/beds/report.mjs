/** What a bed printed, and whether each program did natively as it did under the monitor. */

/**
 * @typedef {{status: string, milliseconds: number, stdout: string, stderr: string, hash: string}} BedRun
 * Parses what driver.cc wrote (its header says how).
 * @param {Buffer} output
 * @returns {{runs: Map<string, {native?: BedRun, guest?: BedRun}>, complete: boolean}}
 */
export function parseResults(output) {
  /** @type {Map<string, {native?: BedRun, guest?: BedRun}>} */
  const runs = new Map();
  let at = 0;
  for (;;) {
    const end = output.indexOf(10, at);
    const line = output.toString('latin1', at, end < 0 ? output.length : end);
    if (line === '@end') return { runs, complete: true };
    const match = /^@run (\S+) (native|guest) (\S+) (\d+) (\d+) (\d+) (\w+)$/.exec(line);
    if (end < 0) return { runs, complete: false };
    at = end + 1;
    if (!match) continue;
    const [, name = '', how = 'guest', status = '', milliseconds, out, err, hash = ''] = match;
    const middle = at + Number(out);
    const last = middle + Number(err);
    if (last > output.length) return { runs, complete: false };
    const run = {
      status,
      milliseconds: Number(milliseconds),
      stdout: output.toString('utf8', at, middle),
      stderr: output.toString('utf8', middle, last),
      hash,
    };
    runs.set(name, { ...runs.get(name), [how]: run });
    at = last + 1;
  }
}

/** The first lines that differ. @param {string} a @param {string} b */
function difference(a, b) {
  const left = a.split('\n');
  const right = b.split('\n');
  const lines = [];
  for (let i = 0; i < Math.max(left.length, right.length) && lines.length < 12; i++) {
    if (left[i] !== right[i])
      lines.push(`    native: ${left[i] ?? '(end)'}`, `    guest:  ${right[i] ?? '(end)'}`);
  }
  return lines.join('\n');
}

// What a recorded length may grow by.
const tolerance = 1.03;

/** @param {string} text lines of a name and a number @returns {Map<string, number>} */
const figures = (text) =>
  new Map([...text.matchAll(/^(\S+) (\d+)$/gm)].map(([, name = '', figure]) => [name, Number(figure)]));

/**
 * Prints what was measured beside what is recorded. @param {Record<string, number>} lengths
 * @param {BedRun | undefined} native @param {BedRun | undefined} guest @returns {boolean} nothing has grown
 */
function withinLengths(lengths, native, guest) {
  const there = figures(native?.stdout ?? '');
  const here = figures(guest?.stdout ?? '');
  let good = true;
  for (const [name, length] of Object.entries(lengths)) {
    const found = here.get(name);
    const fits = found !== undefined && found <= length * tolerance;
    good &&= fits;
    console.log(
      `BED: ${name}: ${found} instructions, recorded ${length}, native ${there.get(name)}${fits ? '' : ': TOO MANY'}`,
    );
  }
  return good;
}

/**
 * Prints the comparison; the last line is the count. A bed that stopped early has failed too.
 * @param {import('./suite.mjs').Suite} suite @param {Buffer} output @returns {number} failed
 */
export function report({ tests, skipped }, output) {
  const { runs, complete } = parseResults(output);
  let passed = 0;
  let failed = 0;
  for (const test of tests) {
    const { native, guest } = runs.get(test.name) ?? {};
    const { lengths } = test;
    if (
      lengths &&
      native?.status === 'e0' &&
      guest?.status === 'e0' &&
      withinLengths(lengths, native, guest)
    ) {
      passed++;
      continue;
    }
    if (!lengths && native && guest && native.status === guest.status && native.hash === guest.hash) {
      if (native.status !== 't') {
        passed++;
        const times = `${native.milliseconds} ms native, ${guest.milliseconds} ms guest`;
        console.log(`ok   ${test.name} (${native.status}, ${times})`);
        continue;
      }
    }
    failed++;
    const [there, here] = [native?.status ?? 'did not run', guest?.status ?? 'did not run'];
    console.log(`FAIL ${test.name}: native ${there}, guest ${here}`);
    if (native && guest) console.log(difference(native.stdout, guest.stdout));
    if (guest?.stderr)
      console.log(`    stderr: ${guest.stderr.slice(0, 500).trim().replaceAll('\n', '\n            ')}`);
  }
  for (const [name, reason] of skipped) console.log(`skip ${name}: ${reason}`);
  if (!complete) {
    console.log('FAIL the bed did not get to the end of its list');
    failed++;
  }
  console.log(`${passed} passed, ${failed} failed, ${skipped.size} skipped`);
  return failed;
}
