/** From the start of a program to its end, for whoever waits for it. */
import { Sandbox } from '../../dist/index.js';
import { sideBySide } from '../measure.mjs';
import { busyboxBundle, elapsed, installed, prefixes, runtimes } from '../peers.mjs';

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
    if (!only(name) || !installed(/** @type {string} */ (command[0]))) continue;
    /** @type {Map<string, () => Promise<number>>} */
    const ways = new Map();
    for (const [way, prefix] of Object.entries(prefixes)) {
      if (!prefix) continue;
      const [file, ...args] = [...prefix, ...command];
      ways.set(way, () => elapsed(/** @type {string} */ (file), args));
    }
    // What a Node.js program pays for one more program in a sandbox that it has.
    const plain = await Sandbox.create({ isolation: 'none' });
    const full = await Sandbox.create();
    /** @param {Sandbox} box */
    const exec = (box) => async () => {
      const start = performance.now();
      const { exitCode } = await box.exec(command);
      if (exitCode !== 0) throw new Error(`status ${exitCode}`);
      return performance.now() - start;
    };
    ways.set('box.exec, a plain process', exec(plain));
    ways.set('box.exec, isolated', exec(full));
    const cleanUps = [() => plain.close(), () => full.close()];
    if (name.startsWith('busybox')) {
      const { bundle, remove } = busyboxBundle(['true']);
      cleanUps.push(async () => remove());
      for (const [runtime, start] of runtimes()) ways.set(runtime, () => start(bundle));
    }
    try {
      yield { name, target, of: 'box.exec, a plain process', ...(await sideBySide(ways, rounds)) };
    } finally {
      for (const cleanUp of cleanUps) await cleanUp();
    }
  }
}
