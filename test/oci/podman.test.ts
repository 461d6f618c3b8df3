// Containers as people run them: podman with barchan-runtime does what it does with runc.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { removeTemplates } from './bed.js';
import { brief, common, installed, same } from './engine-cases.js';
import { makeImageRoot, Podman } from './engines.js';
import { options, remove } from './option-cases.js';

afterAll(removeTemplates);

describe('podman', () => {
  const podman = new Podman();
  let problem: string | undefined = 'podman is not installed';
  beforeAll(async () => {
    if (!installed('podman') || !existsSync('/dev/kvm') || process.getuid?.() !== 0) return;
    problem = await podman.start();
    if (problem === undefined) podman.importImage(makeImageRoot(join(podman.folder, 'box')), 'box');
  });
  afterAll(() => podman.stop());
  common(podman, () => problem);
  options(podman, '67.11MB');

  it('runs health checks, and tells when one fails', () => {
    const name = `health-${process.pid}`;
    same(
      podman,
      (r) => {
        const check = () => podman.call(['healthcheck', 'run', name]).status;
        const options = ['-d', '--name', name, '--health-cmd', 'test -f /etc/passwd'];
        try {
          const started = podman.runImage(r, options, 'box', 'sleep', '60').status;
          const first = check();
          return [started, first, podman.call(['exec', name, 'rm', '/etc/passwd']).status, check()];
        } finally {
          remove(podman, name);
        }
      },
      [0, 0, 0, 1],
    );
  });

  it('runs containers in a pod', () => {
    const pod = `pod-${process.pid}`;
    same(
      podman,
      (r) => {
        try {
          const made = podman.call(['pod', 'create', '--infra=false', '--name', pod]).status;
          return [made, brief(podman.runImage(r, ['--rm', '--pod', pod], 'box', 'echo', 'in a pod'))];
        } finally {
          podman.call(['pod', 'rm', '-f', pod]);
        }
      },
      [0, [0, 'in a pod\n']],
    );
  });
});
