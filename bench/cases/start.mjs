/** From the start of a program to its end, for whoever waits for it. */
import { join } from 'node:path';
import { Sandbox } from '../../dist/index.js';
import { sideBySide } from '../measure.mjs';
import { busyboxContainers, elapsed, installed, root, ways } from '../peers.mjs';

export const group = 'Start to exit';
export const unit = 'ms';

const programs = {
  'busybox true': { command: ['/bin/busybox', 'true'], target: 2.5 },
  'python3 -c pass': { command: ['/usr/bin/python3', '-c', 'pass'], target: 2 },
  'node -e 0': { command: [process.execPath, '-e', '0'], target: 1.5 },
};

/** @param {{ rounds: number, only: (name: string) => boolean }} options */
export async function* run({ rounds, only }) {
  for (const [name, { command, target }] of Object.entries(programs)) {
    if (!only(name)) continue;
    const [program] = /** @type {[string]} */ (command);
    if (!installed(program)) {
      yield { name, skipped: `${program} is not installed` };
      continue;
    }
    /** @type {Map<string, () => Promise<number>>} */
    const measured = new Map();
    for (const [way, { command: under }] of ways({ sandbox: true }))
      measured.set(way, () => elapsed(under(command)));
    // What a Node.js program pays for one more program in a sandbox that it has. The environment is everybody's.
    const plain = await Sandbox.create({ isolation: 'none' });
    const full = await Sandbox.create();
    /** @param {Sandbox} box */
    const exec = (box) => async () => {
      const start = performance.now();
      const { exitCode, stderr } = await box.exec(command, { env: process.env });
      if (exitCode !== 0) throw new Error(`status ${exitCode}: ${stderr}`);
      return performance.now() - start;
    };
    measured.set('box.exec, a plain process', exec(plain));
    measured.set('box.exec, isolated', exec(full));
    const cleanUps = [() => plain.close(), () => full.close()];
    if (name.startsWith('busybox')) {
      // Against the smallest container that there can be, and not one with the host's folders.
      const { found, remove } = busyboxContainers(['true']);
      cleanUps.push(async () => remove());
      for (const [runtime, make] of found) measured.set(runtime, () => elapsed(make().command));
    }
    try {
      yield { name, target, of: 'box.exec, a plain process', ...(await sideBySide(measured, rounds)) };
    } finally {
      for (const cleanUp of cleanUps) await cleanUp();
    }
  }
  const name = 'barchan help, beside node -e 0';
  if (!only(name)) return;
  const node = process.execPath;
  const measured = new Map([
    ['native', () => elapsed([node, '-e', '0'])],
    ['barchan', () => elapsed([node, join(root, 'dist/cli/main.js'), 'help'])],
  ]);
  yield { name, most: 15, ...(await sideBySide(measured, rounds)) };
}
