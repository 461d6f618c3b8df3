/** Sandboxes, many at once and killed at any moment, leave no process, descriptor, mount or file on the host. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { Sandbox, SandboxError } from '../../lib/index.js';
import { children, until } from '../helpers/processes.js';

const folder = mkdtempSync(join(tmpdir(), 'barchan-leftovers-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const library = fileURLToPath(new URL('../../dist/index.js', import.meta.url));
const subreaper = fileURLToPath(new URL('../helpers/subreaper.py', import.meta.url));

const descriptors = (): number => readdirSync('/proc/self/fd').length;
const mounts = (): string => readFileSync('/proc/self/mounts', 'utf8');

describe('50 sandboxes at once', () => {
  it('are each their own, and leave nothing', async () => {
    await (await Sandbox.create()).close();
    const before = { children: children(), descriptors: descriptors(), mounts: mounts() };
    const run = async (index: number): Promise<string> => {
      const rootfs = index % 2 === 0 ? 'host' : { directory: '/', writable: 'tmpfs' as const };
      await using box = await Sandbox.create({ hostname: `box-${index}`, rootfs, network: 'loopback' });
      await box.exec(['sh', '-c', `echo ${index} > /tmp/own; setsid sleep 1000 > /dev/null 2>&1 &`]);
      return (await box.exec(['sh', '-c', 'hostname; cat /tmp/own; ls /tmp; ls -d /proc/[0-9]* | wc -l']))
        .stdout;
    };
    const results = await Promise.all(Array.from({ length: 50 }, (_, index) => run(index)));
    for (const [index, result] of results.entries())
      expect(result).toMatch(new RegExp(`^box-${index}\n${index}\nown\n[3-6]\n$`));
    await until(() => descriptors() <= before.descriptors);
    expect({ children: children(), descriptors: descriptors(), mounts: mounts() }).toEqual(before);
  }, 180_000);
});

describe('Node killed while it creates, uses and closes sandboxes', () => {
  it('at 40 random moments leaves no process, mount or file', () => {
    const script = join(folder, 'busy.mjs');
    writeFileSync(
      script,
      `import { Sandbox } from ${JSON.stringify(library)};
const kinds = ['host', { directory: '/', writable: 'tmpfs' }];
for (let i = 0; i < 3; i++) (async () => {
  for (;;) {
    const box = await Sandbox.create({ rootfs: kinds[i % 2], network: 'loopback' });
    await box.exec(['sh', '-c', '(setsid sleep 1000 &); echo x > /tmp/x'], { timeoutMs: 2000 });
    await box.close();
  }
})();
`,
    );
    const before = mounts();
    for (let round = 0; round < 40; round++) {
      const delayMs = Math.round(60 + Math.random() * (round < 25 ? 200 : 1200));
      const { stdout, stderr } = spawnSync(
        '/usr/bin/python3',
        [subreaper, String(delayMs), '30', process.execPath, script],
        { encoding: 'utf8' },
      );
      expect(stdout + stderr, `killed after ${delayMs} ms`).toBe('0\n');
    }
    expect(mounts()).toBe(before);
  }, 300_000);
});

describe('a process of the sandbox killed from outside', () => {
  it.each(['barchan-init', 'barchan-super', 'barchan-keeper'])(
    '%s: a typed end, and nothing is left',
    async (name) => {
      const before = children();
      const box = await Sandbox.create();
      const guest = await box.spawn(['sh', '-c', 'setsid sleep 1000 & sleep 1000; :'], { stdio: 'ignore' });
      const comm = (pid: number): string => readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
      const own = children().filter((pid) => !before.includes(pid));
      const below = own.flatMap((pid) =>
        readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
      );
      const victim = [...own, ...below].find((pid) => comm(pid) === name);
      process.kill(victim as number, 'SIGKILL');
      if (name === 'barchan-init') expect(await guest.exited).toMatchObject({ signal: 'SIGKILL' });
      else if (name === 'barchan-super')
        expect(await guest.exited.catch((error: unknown) => error)).toMatchObject({
          code: 'ERR_MONITOR_CRASH',
        });
      else {
        await until(() => {
          try {
            return comm(victim as number) === '';
          } catch {
            return true;
          }
        });
        expect(await box.exec(['true']).catch((error: unknown) => error)).toBeInstanceOf(SandboxError);
      }
      await box.close();
      await until(() => children().filter((pid) => !before.includes(pid)).length === 0);
      for (const pid of [...own, ...below]) {
        await until(() => {
          try {
            return /\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
          } catch {
            return true;
          }
        });
      }
    },
  );
});
