// Containers as people run them: podman with barchan-runtime does what it does with runc.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { removeTemplates } from './bed.js';
import { common, installed } from './engine-cases.js';
import { makeImageRoot, Podman } from './engines.js';

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

  it('runs health checks and pods', () => {
    const { barchan } = podman.runtimes;
    const name = `health-${process.pid}`;
    expect(
      podman.runImage(
        barchan,
        ['-d', '--name', name, '--health-cmd', 'test -f /etc/passwd'],
        'box',
        'sleep',
        '60',
      ).status,
    ).toBe(0);
    expect(podman.call(['healthcheck', 'run', name]).status).toBe(0);
    podman.call(['rm', '-f', '-t', '0', name]);
    expect(podman.call(['pod', 'create', '--infra=false', '--name', `pod-${name}`]).status).toBe(0);
    expect(podman.runImage(barchan, ['--rm', '--pod', `pod-${name}`], 'box', 'echo', 'in a pod').stdout).toBe(
      'in a pod\n',
    );
    podman.call(['pod', 'rm', '-f', `pod-${name}`]);
  });
});
