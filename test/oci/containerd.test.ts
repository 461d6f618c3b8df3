// Containers as people run them: containerd with barchan-runtime does what it does with runc.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, it } from 'vitest';
import { requires } from '../helpers/skip.js';
import { hasVcpu, needsRuntime, removeTemplates } from './bed.js';
import { brief, installed, same } from './engine-cases.js';
import { Containerd, makeImageRoot } from './engines.js';

afterAll(removeTemplates);

describe('containerd', () => {
  const containerd = new Containerd();
  const image = 'docker.io/library/box:latest';
  let problem: string | undefined = 'containerd is not installed';
  beforeAll(async () => {
    if (!installed('containerd') || !existsSync('/dev/kvm') || process.getuid?.() !== 0) return;
    problem = await containerd.start();
    if (problem === undefined) containerd.importImage(makeImageRoot(join(containerd.folder, 'box')), image);
  });
  afterAll(() => containerd.stop());
  beforeEach((context) => {
    needsRuntime(context, 'runc');
    requires(context, problem === undefined, problem ?? '');
  });

  it('runs a command: output, status', () =>
    same(containerd, (r) => brief(containerd.runImage(r, ['--rm'], image, 'sh', '-c', 'echo out; exit 5')), [
      5,
      'out\n',
    ]));

  it('execs, lists, kills and removes', () =>
    same(
      containerd,
      (r) => {
        const id = containerd.lastId;
        const seen: unknown[] = [containerd.runImage(r, ['-d'], image, 'sleep', '60').status];
        const name = `${id}-${containerd.runs}`;
        seen.push(
          brief(containerd.call(['task', 'exec', '--exec-id', 'one', name, 'sh', '-c', 'echo in; exit 3'])),
        );
        const [, pid] = new RegExp(`${name} +(\\d+)`).exec(containerd.call(['task', 'ls']).stdout) ?? [];
        seen.push(hasVcpu(Number(pid)) === (r !== containerd.runtimes.plain));
        seen.push(containerd.call(['task', 'kill', '-s', 'KILL', name]).status);
        for (
          let tries = 0;
          containerd.call(['task', 'ls']).stdout.includes('RUNNING') && tries < 100;
          tries++
        );
        containerd.call(['task', 'rm', name]);
        seen.push(containerd.call(['container', 'rm', name]).status);
        return seen;
      },
      [0, [3, 'in\n'], true, 0, 0],
    ));
});
