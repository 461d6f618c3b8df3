/** Devices that reach past a process are closed to guests, whoever they run as and whatever the name. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { isolated } from '../helpers/differential.js';
import { requires } from '../helpers/skip.js';

const folder = mkdtempSync(join(tmpdir(), 'barchan-devices-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('devices of the host', () => {
  for (const [path, reason] of [
    ['/dev/kvm', 'Permission denied'],
    ['/dev/kmsg', 'Operation not permitted'],
    ['/dev/mem', 'Operation not permitted'],
    ['/dev/port', 'Operation not permitted'],
  ] as const) {
    it(`${path} cannot be opened, by its name or a link`, async (context) => {
      requires(context, existsSync(path), `there is no ${path} here`);
      requires(context, process.getuid?.() === 0, 'the file system itself refuses other users');
      const link = join(folder, path.slice('/dev/'.length));
      const script = `ln -s ${path} ${link}; (: <${path}); echo $?; (: <${link}); echo $?; (: >>${path}); echo $?`;
      const { stdout, stderr } = await isolated(['bash', '-c', script]);
      expect(stdout).toBe('1\n1\n1\n');
      expect(stderr.split(reason)).toHaveLength(4);
    });
  }
});
