/** `barchan harness run` with attacks that end in odd ways, and the fields of an attack's first comment. */
import { execFile } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Comparison } from '../../lib/harness/comparison.js';
import { collect, judge, untilGone } from '../../lib/harness/judge.js';
import { corpus, isAtLeast, parseAttack } from '../../lib/harness/metadata.js';

const cli = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const head = (text: string, ...more: string[]): string =>
  [
    `// ${text}`,
    '// @technique T1499',
    '// @weakness CWE-404',
    '// @stopped-by kernel',
    '// @options {"policy":"compat"}',
    '// @control native',
    '// @attempts 1',
    ...more,
    '#include "../attack.h"\n',
  ].join('\n');
/** In a session of its own, with every stream of its parent's: three of them, one whose parent is gone too. */
const holders = `static void hold(void) {
  for (int i = 0; i < 3; i++) {
    if (fork() != 0) continue;
    if (i > 0) setsid();
    if (i > 1 && fork() != 0) _exit(0);
    for (;;) pause();
  }
}
`;
const sources = {
  silent: `${head('Says nothing.')}int main(void) { return 0; }\n`,
  stopped: `${head('Is stopped.')}int main(void) { say_stopped("it", "EPERM"); return 0; }\n`,
  background: `${head('Leaves processes behind that hold its streams.', '// @timeout 60')}${holders}
int main(void) { say_stopped("it", "EPERM"); hold(); return 0; }\n`,
  endless: `${head('Does not end, nor does what it leaves behind.', '// @timeout 2')}${holders}
int main(void) { say_stopped("it", "EPERM"); hold(); for (;;) pause(); }\n`,
  powerless: `${head('Cannot do what has to work.')}int main(void) {
  errno = EIO; printf("control a step EIO\\n"); say_stopped("it", "EPERM"); return 0; }\n`,
  flood: `${head('Writes more than is kept, then ends.', '// @timeout 60')}
int main(void) { for (int i = 0; i < 400000; i++) puts("xxxxxxx"); return 0; }\n`,
};

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'barchan-corpus-'));
  mkdirSync(join(folder, 'ends'));
  copyFileSync(join(corpus, 'attack.h'), join(folder, 'attack.h'));
  for (const [name, source] of Object.entries(sources))
    writeFileSync(join(folder, 'ends', `${name}.c`), source);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function barchan(
  args: string[],
  env: NodeJS.ProcessEnv = {},
): Promise<{ status: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [cli, 'harness', ...args],
      { env: { ...process.env, XDG_CACHE_HOME: join(folder, 'cache'), ...env }, maxBuffer: 1 << 26 },
      (error, stdout, stderr) => resolve({ status: error ? Number(error.code) : 0, stdout, stderr }),
    );
  });
}

/** Processes that run a program of `folder`, and not one that another test has at the same place. */
const running = (): string[] => {
  const cache = join(folder, 'cache');
  const identity = (path: string): string => {
    const { dev, ino } = statSync(path);
    return `${dev} ${ino}`;
  };
  const built = new Set(
    readdirSync(cache, { recursive: true, encoding: 'utf8' }).map((name) => identity(join(cache, name))),
  );
  return readdirSync('/proc').filter((pid) => {
    try {
      const [program] = readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0');
      if (program === '/run/attack') return built.has(identity(`/proc/${pid}/root/run/attack`));
      return program?.startsWith(`${cache}/`);
    } catch {
      return false;
    }
  });
};

describe('barchan harness run', () => {
  const isolations = ['native', 'bwrap', 'runc', 'barchan:default', 'barchan:strict'];
  const against = isolations.flatMap((name) => ['--against', name]);

  it('settles for every attack, whatever holds its streams, and leaves none of its processes', async () => {
    const { status, stdout, stderr } = await barchan([
      ...['run', '--corpus', folder, '--json', '--jobs', '3'],
      ...against,
    ]);
    const result = JSON.parse(stdout) as Comparison;
    // Whatever shows nothing of barchan is no success.
    expect(status, stderr).toBe(1);
    expect(result.isolations.map(({ name }) => name)).toEqual(isolations);
    for (const { name, missing } of result.isolations)
      if (missing) console.warn(`skipped: harness run against ${name}: ${missing}`);
    const present = result.isolations.filter(({ missing }) => !missing).length;
    // What writes nothing at all may be taken for an isolation that failed.
    const { verdicts, failed, passedOver } = result;
    expect(failed.filter(({ attack }) => attack !== 'ends/silent')).toEqual([]);
    expect(passedOver.length).toBe((isolations.length - present) * Object.keys(sources).length);
    expect(verdicts.length + failed.length).toBe(present * Object.keys(sources).length);
    const unclear = (isolation: string): object =>
      Object.fromEntries(
        result.inconclusive
          .filter((entry) => entry.isolation === isolation)
          .map(({ attack, reason }) => [attack, reason]),
      );
    for (const profile of ['barchan:default', 'barchan:strict'])
      expect(unclear(profile)).toMatchObject({
        'ends/flood': 'it made 0 of 1 attempts',
        'ends/powerless': 'what has to work did not: a step EIO',
      });
    expect(Object.keys(unclear('barchan:default')).sort()).toEqual([
      'ends/flood',
      'ends/powerless',
      'ends/silent',
    ]);
    for (const { sample, isolation, exit, attempts } of verdicts) {
      const what = `${sample.name} in ${isolation}`;
      const { timedOut } = exit;
      expect(timedOut, what).toBe(sample.name === 'ends/endless');
      if (!/silent|flood/.test(sample.name))
        expect(attempts, what).toEqual([{ name: 'it', stopped: 'EPERM' }]);
    }
    await expect.poll(running, { timeout: 20_000 }).toEqual([]);
  }, 180_000);

  it('has a table by default, and fails where an attempt worked under barchan', async () => {
    const source = `${head('Works.')}int main(void) { say_done("it"); return 0; }\n`;
    writeFileSync(join(folder, 'ends', 'works.c'), source);
    try {
      const one = ['run', 'ends/works', '--corpus', folder, '--against'];
      const [here, there] = await Promise.all([
        barchan([...one, 'barchan:default']),
        barchan([...one, 'native']),
      ]);
      expect(here).toMatchObject({
        status: 1,
        stdout: expect.stringMatching(/^ends\/works +1 of 1 worked$/m),
      });
      expect(there).toMatchObject({
        status: 0,
        stdout: expect.stringMatching(/^ends\/works +1 of 1 worked$/m),
      });
    } finally {
      rmSync(join(folder, 'ends', 'works.c'));
    }
  });

  it('fails where an attack shows nothing of barchan, and says why', async () => {
    const { status, stdout } = await barchan(['run', 'ends/powerless', 'ends/silent', '--corpus', folder]);
    expect(status).toBe(1);
    expect(stdout).toMatch(/^ends\/powerless +inconclusive\nends\/silent +inconclusive\n/m);
    expect(stdout).toMatch(
      /^barchan:default \(.*\): 0 stopped, 0 worked, 0 not run, 0 failed, 2 inconclusive$/m,
    );
    expect(stdout).toContain(
      'ends/powerless in barchan:default is inconclusive: what has to work did not: a step EIO\n',
    );
    expect(stdout).toContain('ends/silent in barchan:default is inconclusive: it made 0 of 1 attempts\n');
  });

  it('needs no program of PATH beside what it builds', async () => {
    const one = ['run', 'ends/background', '--corpus', folder];
    await barchan(one); // built
    expect(await barchan(one, { PATH: join(folder, 'ends') })).toMatchObject({ status: 0, stderr: '' });
  });

  it('says that it needs a compiler', async () => {
    const { status, stderr } = await barchan(['run', '--corpus', folder], {
      PATH: join(folder, 'ends'),
      XDG_CACHE_HOME: join(folder, 'empty'),
    });
    expect({ status, stderr }).toEqual({
      status: 125,
      stderr: expect.stringContaining('there is no gcc here'),
    });
    expect(stderr).toContain('Install the packages gcc and libc6-dev');
    expect(stderr).not.toContain('defect');
  });
});

describe('the judge', () => {
  const subject = { pid: () => process.pid, injector: undefined };

  it('ends with a stream that has ended before, is destroyed, or is held by somebody else', async () => {
    const ended = Readable.from([]);
    ended.resume();
    await new Promise((resolve) => ended.once('close', resolve));
    const nothing = { attempts: [], failedControls: [] };
    expect(await judge(ended, new PassThrough(), subject)).toEqual(nothing);
    expect(await collect(ended)).toBe('');
    const held = new PassThrough();
    const report = judge(held, new PassThrough(), subject);
    held.write('stopped one EPERM\ndone tw');
    held.write('o\ncontrol three EINVAL');
    expect(await untilGone(Promise.resolve(), [held], report)).toEqual({
      attempts: [
        { name: 'one', stopped: 'EPERM' },
        { name: 'two', stopped: undefined },
      ],
      failedControls: ['three EINVAL'],
    });
    expect(held.destroyed).toBe(true);
  });

  it('answers nothing but an end for a process that is gone', async () => {
    const stdin = new PassThrough();
    const gone = { pid: () => 2 ** 22 + 1, injector: undefined };
    await judge(Readable.from([Buffer.from('maps?\ndescriptors?\n')]), stdin, gone);
    expect(stdin.read()?.toString() ?? '').toBe('.\n.\n');
  });

  it("rejects with a stream's own error", async () => {
    const broken = new PassThrough();
    const report = collect(broken);
    broken.destroy(new Error('EIO'));
    await expect(report).rejects.toThrow('EIO');
  });
});

describe('fields of an attack', () => {
  const parse = (...more: string[]): ReturnType<typeof parseAttack> =>
    parseAttack('family/name', '/family/name.c', head('Tries.', ...more));

  it('are read', () => {
    const plain = {
      injected: false,
      passes: undefined,
      permits: {},
      kernel: undefined,
      notForPeers: undefined,
    };
    expect(parse()).toMatchObject(plain);
    expect(
      parse(
        ...['// @injected gate', '// @passes folder', '// @kernel 6.12', '// @peers none: they have no gate'],
        ...['// @permits-compat one,  two', '// @permits-strict three'],
      ),
    ).toMatchObject({
      injected: true,
      passes: 'folder',
      permits: { compat: ['one', 'two'], strict: ['three'] },
      kernel: '6.12',
      notForPeers: 'they have no gate',
    });
  });

  it.each([
    ['@injected monitor', /@injected monitor is not of the form/],
    ['@passes everything', /@passes everything is not of the form/],
    ['@kernel 6', /@kernel 6 is not of the form/],
    ['@kernel 6.12.1', /@kernel 6\.12\.1 is not of the form/],
    ['@peers all', /@peers all is not of the form/],
    ['@peers none:', /@peers none: is not of the form/],
    ['@permits-lax one', /unknown field @permits-lax/],
    ['@permits-compat', /has no value/],
    ['@injected', /has no value/],
  ])('are refused by name: %s', (line, message) => {
    expect(() => parse(`// ${line}`)).toThrow(message);
    expect(() => parse(`// ${line}`)).toThrow('attack family/name: ');
  });

  it('compare releases by number', () => {
    expect(isAtLeast('6.12.3-amd64', '6.12')).toBe(true);
    expect(isAtLeast('6.1.0-40-amd64', '6.12')).toBe(false);
    expect(isAtLeast('10.0', '6.12')).toBe(true);
    expect(isAtLeast(release(), '2.6')).toBe(true);
  });
});
