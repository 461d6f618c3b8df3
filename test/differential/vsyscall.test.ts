/** Calls into the vsyscall page, where this kernel has one itself (vsyscall=xonly); the beds' kernel has none. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { it } from 'vitest';
import { expectSameWork } from '../helpers/differential.js';
import { compileGuest } from '../helpers/guest-programs.mjs';
import { requires } from '../helpers/skip.js';

const source = fileURLToPath(new URL('./vsyscall.c', import.meta.url));

it('the vsyscall page gives the time and the processor, and nothing else', async (context) => {
  const maps = readFileSync('/proc/self/maps', 'utf8');
  requires(context, maps.includes('[vsyscall]'), 'this kernel has no vsyscall page');
  const program = await compileGuest({ name: 'vsyscall', source }, 'static');
  await expectSameWork([program], ['gettimeofday 0, near 1', 'without a stack: signal 11']);
});
