// Many containers at once, and runtimes that are killed: nothing may be left of them.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Box, callInBackground, disposeAll, type Flavor, needsRuntime, removeTemplates } from './bed.js';
import { cgroupsWith, leftovers, processesWith, runtimesOf } from './leftovers.js';

const flavors: readonly Flavor[] = ['crun', 'runc'];
const idle = 'echo ready; while :; do sleep 0.05; done';

afterEach(disposeAll);
afterAll(removeTemplates);

for (const flavor of flavors) {
  describe(`over ${flavor}`, () => {
    beforeEach((context) => needsRuntime(context, flavor));

    it('creates, execs into and deletes a hundred containers, twenty at a time, and leaves nothing', async () => {
      const { runtime, folder, config } = new Box(flavor, true);
      config.process.args = ['sh', '-c', 'echo x | cat >/dev/null; sleep 1000'];
      writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
      const prefix = `many-${process.pid}-${flavor}`;
      const finished = (args: string[]) =>
        new Promise<number | null>((resolve) => callInBackground(runtime, args).once('close', resolve));
      let next = 0;
      const worker = async () => {
        for (let i = next++; i < 100; i = next++) {
          const id = `${prefix}-${i}`;
          expect(await finished(['create', '--bundle', folder, id])).toBe(0);
          expect(await finished(['start', id])).toBe(0);
          expect(await finished(['exec', id, 'true'])).toBe(0);
          expect(await finished(['delete', '--force', id])).toBe(0);
        }
      };
      await Promise.all(Array.from({ length: 20 }, worker));
      expect(readdirSync(join(runtime.root, 'bundles'))).toEqual([]);
      expect(readdirSync(join(runtime.root, flavor))).toEqual([]);
      expect(cgroupsWith(prefix)).toBe('');
      await expect.poll(() => processesWith(prefix), { timeout: 10_000 }).toEqual([]);
      expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(folder);
    }, 240_000);

    it('killed at any moment, leaves what delete --force removes', async () => {
      const box = new Box(flavor, true);
      box.write(idle);
      for (let i = 0; i < 25; i++) {
        const id = `${box.id}-${i}`;
        const child = callInBackground(box.runtime, ['create', '--bundle', box.folder, id]);
        const closed = new Promise((resolve) => child.once('close', resolve));
        await new Promise((resolve) => setTimeout(resolve, 2 + i * 3));
        // The process itself: sh and unshare before it have become it.
        child.kill('SIGKILL');
        await closed;
        // The runtime below dies with it, not before it; what it has made by then may live on.
        await new Promise((resolve) => setTimeout(resolve, 50));
        expect(box.call(['delete', '--force', id]).status).toBe(0);
        expect(leftovers(box), `after ${2 + i * 3} ms`).toEqual([]);
      }
      await expect.poll(() => runtimesOf(box.folder), { timeout: 10_000 }).toEqual([]);
      expect(processesWith(box.id)).toEqual([]);
      expect(cgroupsWith(box.id)).toBe('');
    }, 120_000);
  });
}
