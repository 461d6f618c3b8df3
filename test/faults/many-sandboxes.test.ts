/** Many sandboxes with isolation and limits from one Node process: each works, and nothing of them stays. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { findParents, hierarchies, NoParent } from '../../lib/cgroup.js';

const library = fileURLToPath(new URL('../../dist/index.js', import.meta.url));
const grouped = findParents(['memory', 'pids'], undefined).every(
  ({ parent }) => !(parent instanceof NoParent),
);
const limits = grouped ? { memory: '128m', pids: 40 } : { openFiles: 100 };

/** Runs `work` in a Node process of its own, as a test runner's memory grows by itself; returns the JSON that it prints. */
function inNode(work: string): Record<string, unknown> {
  const script = `
import { readdirSync, readFileSync } from 'node:fs';
const { Sandbox } = await import(${JSON.stringify(library)});
const limits = ${JSON.stringify(limits)};
const children = () => readFileSync('/proc/self/task/' + process.pid + '/children', 'utf8').split(' ').filter(Boolean).length;
const measure = () => {
  gc();
  gc();
  const { heapUsed, external } = process.memoryUsage();
  return { descriptors: readdirSync('/proc/self/fd').length, children: children(), bytes: heapUsed + external };
};
const settle = async (limit) => {
  for (const end = Date.now() + 10_000; readdirSync('/proc/self/fd').length > limit && Date.now() < end; )
    await new Promise((resolve) => setTimeout(resolve, 20));
};
${work}
`;
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ['--expose-gc', '--input-type=module', '-e', script],
    { encoding: 'utf8', timeout: 280_000, maxBuffer: 1 << 20 },
  );
  expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
  return JSON.parse(stdout) as Record<string, unknown>;
}

/** Groups of sandboxes below this process's own whose makers are gone. */
const leftGroups = (): string[] =>
  hierarchies().flatMap(({ own }) =>
    own === undefined
      ? []
      : readdirSync(own).filter((name) => {
          const pid = /^barchan-(\d+)-/.exec(name)?.[1];
          return pid !== undefined && !existsSync(`/proc/${pid}`);
        }),
  );

it('200 at once, each with a program that runs', () => {
  const mounts = readFileSync('/proc/self/mounts', 'utf8');
  const groupsBefore = leftGroups();
  const result = inNode(`
await (await Sandbox.create({ limits })).close();
const before = measure();
const boxes = await Promise.all(Array.from({ length: 200 }, (_, i) => Sandbox.create({ limits, hostname: 'box-' + i })));
const guests = await Promise.all(boxes.map((box) => box.spawn(['sleep', '100'], { stdio: 'ignore' })));
const outputs = await Promise.all(boxes.map((box) => box.exec(['hostname'])));
const right = outputs.filter(({ stdout, exitCode }, i) => exitCode === 0 && stdout === 'box-' + i + '\\n').length;
const running = guests.filter((guest) => guest.usage === undefined).length;
await Promise.all(boxes.map((box) => box.close()));
await settle(before.descriptors);
const { descriptors, children: left } = measure();
console.log(JSON.stringify({ right, running, descriptors: descriptors - before.descriptors, children: left }));
`);
  expect(result).toEqual({ right: 200, running: 200, descriptors: 0, children: 0 });
  expect(leftGroups()).toEqual(groupsBefore);
  expect(readFileSync('/proc/self/mounts', 'utf8')).toBe(mounts);
}, 300_000);

it('1,000 created and closed, a program in every tenth: no descriptor, process, mount, group or memory more', () => {
  const mounts = readFileSync('/proc/self/mounts', 'utf8');
  const groupsBefore = leftGroups();
  const result = inNode(`
const marks = [];
for (let round = 0; round < 125; round++) {
  if (round === 25 || round === 75) marks.push(measure());
  await Promise.all(Array.from({ length: 8 }, async (_, i) => {
    const box = await Sandbox.create({ limits, network: i % 2 ? 'loopback' : 'none' });
    if ((round * 8 + i) % 10 === 0) {
      const { exitCode } = await box.exec(['true']);
      if (exitCode !== 0) throw new Error('exit code ' + exitCode);
    }
    await box.close();
  }));
}
await settle(marks[0].descriptors);
marks.push(measure());
console.log(JSON.stringify({ marks }));
`);
  const marks = result.marks as { descriptors: number; children: number; bytes: number }[];
  const [first, middle, last] = marks as [(typeof marks)[0], (typeof marks)[0], (typeof marks)[0]];
  expect([middle.children, last.children]).toEqual([0, 0]);
  expect(last.descriptors).toBeLessThanOrEqual(first.descriptors);
  // 800 sandboxes lie between; what each left would show many times over.
  expect(last.bytes - first.bytes).toBeLessThan(800 * 1024);
  expect(leftGroups()).toEqual(groupsBefore);
  expect(readFileSync('/proc/self/mounts', 'utf8')).toBe(mounts);
}, 300_000);
