/** The monitor's own descriptors, seen from outside. */
import { readdirSync, readlinkSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Sandbox } from '../../lib/index.js';
import { compileGuest, type GuestProgram, guestPrograms } from '../helpers/guest-programs.mjs';
import { processesWith, until } from '../helpers/processes.js';
import { temporaryFolder } from '../helpers/programs.js';

const folder = temporaryFolder('descriptors');

/** What process `pid` has on private numbers: all that are higher than those of this guest. */
function privateOnes(pid: number): string[] {
  const descriptors = `/proc/${pid}/fd`;
  const numbers = readdirSync(descriptors).filter((fd) => Number(fd) >= 64);
  return numbers.map((fd) => readlinkSync(`${descriptors}/${fd}`)).sort();
}

describe('private descriptors', () => {
  it('of a fork are the fixed ones, a VM and a vCPU, whatever other threads had open', async () => {
    const source = guestPrograms().find(({ name }) => name === 'process_fork_opens') as GuestProgram;
    const program = await compileGuest(source, 'static');
    const marker = `forks-${process.pid}`;
    await using box = await Sandbox.create({ isolation: 'none' });
    const child = await box.spawn([program, marker], { env: { TMPDIR: folder } });
    let output = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      output += chunk;
    });
    await until(() => output.split('forked').length === 25);
    const vcpus = (names: string[]) => names.filter((name) => name.includes('kvm-vcpu')).length;
    const forks = processesWith(`\0${marker}`)
      .map(privateOnes)
      .filter((names) => vcpus(names) === 1);
    expect(forks).toHaveLength(24);
    for (const names of forks) {
      expect(names.filter((name) => name.includes('kvm-vm'))).toHaveLength(1);
      expect(names.filter((name) => name === program)).toHaveLength(1);
      expect(names.filter((name) => name === '/etc/passwd' || name.endsWith('/mem'))).toEqual([]);
    }
    child.kill('SIGKILL');
  });
});
