/** `barchan harness run` that is interrupted or killed, by real signals: nothing of it is left. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { hierarchies } from '../../lib/cgroup.js';
import { isolation } from '../../lib/harness/isolations.js';
import { corpus } from '../../lib/harness/metadata.js';
import { temporaryFolder } from '../helpers/programs.js';
import { requires } from '../helpers/skip.js';

const cli = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const folder = temporaryFolder('interrupted');
const temporary = join(folder, 'tmp');
const attackFolder = join(folder, 'corpus');
const head = `// Waits for ever, as does a child in a session of its own.
// @technique T1499
// @weakness CWE-404
// @stopped-by kernel
// @options {"policy":"compat"}
// @control native
// @attempts 1
// @timeout 600
#include "../attack.h"
`;
for (const path of [temporary, join(attackFolder, 'ends')]) mkdirSync(path, { recursive: true });
copyFileSync(join(corpus, 'attack.h'), join(attackFolder, 'attack.h'));
writeFileSync(
  join(attackFolder, 'ends/endless.c'),
  `${head}int main(void) { if (fork() == 0) setsid(); for (;;) pause(); }\n`,
);
writeFileSync(
  join(attackFolder, 'ends/quick.c'),
  `${head}int main(void) { say_stopped("it", "EPERM"); return 0; }\n`,
);

const names = ['native', 'bwrap', 'runc', 'crun', 'barchan'].filter((name) => {
  const missing = isolation(name)?.missing;
  if (missing) console.warn(`skipped: harness run interrupted in ${name}: ${missing}`);
  return !missing;
});

interface Run {
  child: ChildProcess;
  pid: number;
  stderr: () => string;
  exited: Promise<unknown[]>;
}

function start(attack: string, against: string, env: NodeJS.ProcessEnv = {}): Run {
  const args = [cli, 'harness', 'run', attack, '--corpus', attackFolder, '--against', against];
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, TMPDIR: temporary, XDG_CACHE_HOME: join(folder, 'cache'), ...env },
  });
  let text = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    text += chunk;
  });
  return { child, pid: child.pid as number, stderr: () => text, exited: once(child, 'close') };
}

/** Command lines of the processes whose environment names a folder that `pid` has made. */
function processesOf(pid: number): string[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const environment = readFileSync(`/proc/${name}/environ`, 'latin1');
      if (!new RegExp(`=[^\\0]*/barchan-(canary|runc|crun)-${pid}-`).test(environment)) return [];
      return [readFileSync(`/proc/${name}/cmdline`, 'latin1').split('\0')[0] as string];
    } catch {
      return []; // it has ended
    }
  });
}

const attacks = (pid: number): number =>
  processesOf(pid).filter((program) => program === '/run/attack' || program.startsWith(`${folder}/cache/`))
    .length;

const mine = (pid: number, parent: string): string[] =>
  existsSync(parent)
    ? readdirSync(parent).filter((name) => new RegExp(`^barchan-\\w+-${pid}-`).test(name))
    : [];

/** Whatever `pid` may have left: processes, folders, control groups. */
const left = (pid: number): string[] => [
  ...processesOf(pid),
  ...[temporary, '/tmp', ...hierarchies().map(({ own, mount }) => own ?? mount)].flatMap((parent) =>
    mine(pid, parent),
  ),
];

/** One run in each isolation, all with their attack in its wait. */
async function startAll(): Promise<Run[]> {
  const runs = names.map((name) => start('ends/endless', name));
  for (const { pid, child, stderr } of runs)
    await expect
      .poll(
        () => {
          expect(child.exitCode, stderr()).toBeNull();
          return attacks(pid);
        },
        { timeout: 60_000 },
      )
      .toBeGreaterThanOrEqual(2);
  return runs;
}

describe('barchan harness run', () => {
  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('leaves nothing at %s', async (signal) => {
    const runs = await startAll();
    for (const { child } of runs) child.kill(signal);
    for (const { pid, exited, stderr } of runs) {
      expect(await exited, stderr()).toEqual([128 + constants.signals[signal], null]);
      expect(stderr()).toBe(`barchan: harness: ${signal}: ending what runs\n`);
      expect(left(pid)).toEqual([]);
    }
    expect(readdirSync(temporary)).toEqual([]);
  });

  it('removes what a run that was killed has left', async () => {
    const runs = await startAll();
    for (const { child } of runs) child.kill('SIGKILL');
    for (const { exited } of runs) await exited;
    // At least the folder of the canaries.
    for (const { pid } of runs) expect(left(pid)).not.toEqual([]);
    const next = start('ends/quick', 'native');
    expect(await next.exited, next.stderr()).toEqual([0, null]);
    // Of a sandbox, the supervisor ends what there was as soon as it sees the end of its maker.
    for (const { pid } of [...runs, next]) await expect.poll(() => left(pid)).toEqual([]);
    expect(readdirSync(temporary)).toEqual([]);
  });

  it('lets a run go on that has not ended', async () => {
    const going = start('ends/endless', 'native');
    await expect.poll(() => attacks(going.pid), { timeout: 60_000 }).toBeGreaterThanOrEqual(2);
    const next = start('ends/quick', 'native');
    expect(await next.exited, next.stderr()).toEqual([0, null]);
    expect(attacks(going.pid)).toBe(2);
    expect(mine(going.pid, temporary)).toHaveLength(1);
    going.child.kill('SIGTERM');
    expect(await going.exited).toEqual([143, null]);
  });

  it('exits at once at a second signal, whatever it waits for', async (context) => {
    requires(context, names.includes('runc'), 'runc does not run here');
    // An engine whose containers do not go.
    const programs = join(folder, 'programs');
    const marker = join(folder, 'deleting');
    mkdirSync(programs);
    writeFileSync(
      join(programs, 'runc'),
      `#!/bin/sh\ncase "$*" in --version) echo fake;; *delete*) echo $$ > ${marker}.part; mv ${marker}.part ${marker}; exec sleep 600;; *) exec sleep 600;; esac\n`,
      { mode: 0o755 },
    );
    const run = start('ends/endless', 'runc', { PATH: `${programs}:${process.env.PATH}` });
    await expect.poll(() => processesOf(run.pid), { timeout: 60_000 }).toContain('sleep');
    run.child.kill('SIGINT');
    await expect.poll(() => existsSync(marker), { timeout: 60_000 }).toBe(true);
    const deleting = Number(readFileSync(marker, 'utf8'));
    expect(run.child.exitCode).toBeNull();
    run.child.kill('SIGINT');
    expect(await run.exited).toEqual([130, null]);
    // It was not waited for.
    expect(existsSync(`/proc/${deleting}`)).toBe(true);
    process.kill(deleting, 'SIGKILL');
    expect(mine(run.pid, temporary)).toEqual([]);
    const next = start('ends/quick', 'native');
    expect(await next.exited, next.stderr()).toEqual([0, null]);
    expect(left(run.pid)).toEqual([]);
  });
});
