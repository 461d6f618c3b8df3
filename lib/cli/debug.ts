/** barchan debug */

import type { GdbServer } from '../vm/gdb-server.js';
import { imageProgram, launchOptions, sandboxOptions, spawnOptions } from './launch-options.js';
import { complain, print } from './output.js';
import { splitCommand, usageError } from './usage.js';

function listenAt(value: string | undefined): number | string {
  if (value === undefined) return 0;
  if (!/^\d+$/.test(value)) return value;
  const port = Number(value);
  if (port > 65535)
    usageError(`debug: there is no port ${value}`, 'Give a port from 0 to 65535, or the path of a socket.');
  return port;
}

export async function main(args: string[]): Promise<void> {
  const { values, command } = splitCommand('debug', args, {
    ...launchOptions,
    listen: { type: 'string', short: 'l' },
  });
  if (values.help) {
    const { help } = await import('./help.js');
    print(help('debug'));
    return;
  }
  if (command.length === 0 && values.image === undefined)
    usageError('debug: no program was given', 'Try: barchan debug -- ls');
  const where = listenAt(values.listen);
  const options = spawnOptions('debug', values);
  const { runInForeground } = await import('./foreground.js');
  const { Vm } = await import('../vm/vm.js');
  const { GdbServer: Gdb } = await import('../vm/gdb-server.js');
  let server: GdbServer | undefined;
  const ofImage = imageProgram('debug', values, command);
  await runInForeground(command, options, await sandboxOptions('debug', values), ofImage, {
    begin: () => {},
    async spawn(box, argv, spawnWith) {
      const vm = await Vm.spawn(box, argv, spawnWith);
      try {
        server = await Gdb.listen(vm, where);
      } catch (error) {
        await vm.process.end();
        throw error;
      }
      complain(`${argv[0]} waits for gdb: target remote ${server.address}`);
      return vm.process;
    },
    end: async () => server?.[Symbol.asyncDispose](),
  });
}
