/** Many programs through one Node process, at once and one after the other: all run, and nothing is left in it. */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { Sandbox } from '../../lib/index.js';
import { until } from '../helpers/processes.js';

const library = new URL('../../dist/index.js', import.meta.url);

/** What this process has open, and its children, zombies included. */
function holdings(): { descriptors: number; children: number } {
  const children = readdirSync('/proc/self/task').flatMap((task) =>
    readFileSync(`/proc/self/task/${task}/children`, 'utf8').split(' ').filter(Boolean),
  );
  return { descriptors: readdirSync('/proc/self/fd').length, children: children.length };
}

describe('many programs', () => {
  it('200 at once', async () => {
    await (await Sandbox.create()).close();
    const before = holdings();
    const box = await Sandbox.create();
    const all = Array.from({ length: 200 }, (_, i) =>
      box.exec(['sh', '-c', `cat; echo ${i}; exit ${i % 100}`], { input: `${i * 3} ` }),
    );
    for (const [i, result] of (await Promise.all(all)).entries()) {
      expect(result).toMatchObject({ exitCode: i % 100, stdout: `${i * 3} ${i}\n`, stderr: '' });
    }
    await box.close();
    await until(() => holdings().descriptors <= before.descriptors);
    expect(holdings()).toEqual(before);
  }, 300_000);

  // In a process of its own, as a test runner's memory grows by itself.
  it('1,000 one after the other: no descriptor, no zombie, no memory more', () => {
    const script = `
const { Sandbox } = await import(${JSON.stringify(library)});
const fs = await import('node:fs');
const box = await Sandbox.create();
const measure = () => {
  gc();
  gc();
  const { heapUsed, external } = process.memoryUsage();
  const children = fs.readFileSync('/proc/self/task/' + process.pid + '/children', 'utf8').split(' ');
  return {
    descriptors: fs.readdirSync('/proc/self/fd').length,
    children: children.filter(Boolean).length,
    bytes: heapUsed + external,
  };
};
const marks = [];
for (let i = 0; i < 1000; i++) {
  if (i % 250 === 100) marks.push(measure());
  const { stdout, exitCode } = await box.exec(['/bin/echo', String(i)], { input: 'unread' });
  if (stdout !== i + '\\n' || exitCode !== 0) throw new Error(JSON.stringify({ i, stdout, exitCode }));
}
await box.close();
console.log(JSON.stringify([...marks, measure()]));
`;
    const { stdout, stderr } = spawnSync(
      process.execPath,
      ['--expose-gc', '--input-type=module', '-e', script],
      {
        encoding: 'utf8',
        timeout: 580_000,
      },
    );
    expect(stderr).toBe('');
    const [first, ...more] = JSON.parse(stdout) as { descriptors: number; children: number; bytes: number }[];
    expect(more).toHaveLength(4);
    for (const mark of more) {
      // One supervisor may just be leaving, and its socket be open.
      expect(mark.descriptors).toBeLessThanOrEqual((first?.descriptors ?? 0) + 1);
      expect(mark.children).toBeLessThanOrEqual(2); // and the keeper
      expect(mark.bytes - (first?.bytes ?? 0)).toBeLessThan(1_500_000);
    }
    expect(more.at(-1)?.children).toBe(0);
  }, 600_000);

  it('in worker threads, which leave nothing open', async () => {
    const before = holdings();
    const code = `
import { parentPort } from 'node:worker_threads';
import { run, Sandbox } from ${JSON.stringify(library)};
const box = await Sandbox.create(); // not closed: it goes with the worker
const results = await Promise.all([1, 2, 3, 4, 5].map((i) => box.exec(['sh', '-c', 'exit ' + i])));
const { stdout } = await run(['cat'], { input: 'text' });
parentPort.postMessage([stdout, ...results.map(({ exitCode }) => exitCode)]);
`;
    const url = new URL(`data:text/javascript,${encodeURIComponent(code)}`);
    const workers = Array.from({ length: 4 }, () => new Worker(url));
    const messages = await Promise.all(
      workers.map(
        (worker) => new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject)),
      ),
    );
    for (const message of messages) expect(message).toEqual(['text', 1, 2, 3, 4, 5]);
    await Promise.all(workers.map((worker) => worker.terminate()));
    await until(() => JSON.stringify(holdings()) === JSON.stringify(before));
  });

  it('needs nothing of the working directory that Node was started in', () => {
    const script = `
import fs from 'node:fs';
const folder = fs.mkdtempSync('/tmp/barchan-gone-');
process.chdir(folder);
fs.rmdirSync(folder);
const { run } = await import(${JSON.stringify(fileURLToPath(library))});
console.log((await run(['echo', 'here'])).stdout.trim(), (await run(['./echo']).catch((e) => e)).code);
`;
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
    });
    expect({ stdout, stderr }).toEqual({ stdout: 'here ERR_PROGRAM_NOT_FOUND\n', stderr: '' });
  });
});
