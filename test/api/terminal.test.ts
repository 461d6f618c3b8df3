// A program under `barchan run` in a terminal behaves as without it: keys, job control, settings.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const cli = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const terminal = fileURLToPath(new URL('../helpers/terminal.py', import.meta.url));

type Step = ['expect' | 'type' | 'pause', string];

function converse(command: string[], steps: Step[]): string {
  const { stdout, stderr } = spawnSync('/usr/bin/python3', [terminal, ...command], {
    input: JSON.stringify(steps),
    encoding: 'utf8',
    timeout: 110_000,
  });
  return stdout + stderr;
}

const barchan = [process.execPath, cli, 'run', '--'];
const inShell = (...steps: Step[]): string =>
  converse(
    ['bash', '--norc', '--noprofile', '-i'],
    [
      ['type', `PS1='rea''dy> '; run() { ${barchan.join(' ')} "$@"; }\n`],
      ['expect', 'ready> '],
      ...steps,
      ['type', 'exit 0\n'],
    ],
  );

describe('a terminal', () => {
  it('is the program’s own', () => {
    const output = converse([...barchan, 'sh', '-c', 'test -t 0 && test -t 1 && test -t 2 && tty'], []);
    expect(output).toMatch(/^\/dev\/pts\/\d+\nexit 0\n$/);
  });

  it('sends Ctrl-C to the program once', () => {
    // Not in `read`: bash runs a trap there only when the signal comes while it waits, not a moment before.
    const script =
      'trap "echo caught; got=1" INT; echo begun; until [ "$got" ]; do sleep 0.05; done; read line; echo line $line; exit 3';
    const output = converse(
      [...barchan, 'bash', '-c', script],
      [
        ['expect', 'begun'],
        ['type', '\x03'],
        ['expect', 'caught'],
        ['type', 'word\n'],
      ],
    );
    expect(output.match(/caught/g)).toHaveLength(1);
    expect(output).toMatch(/line word\nexit 3\n$/);
  });

  it('ends program and barchan by Ctrl-C and Ctrl-\\', () => {
    for (const [key, status] of [
      ['\x03', 130],
      ['\x1c', 131],
    ] as const) {
      const output = converse(
        [...barchan, 'sh', '-c', 'ulimit -c 0; echo begun; exec sleep 60'],
        [
          ['expect', 'begun'],
          ['type', key],
        ],
      );
      expect(output).toMatch(new RegExp(`exit ${status}\n$`));
    }
  });

  it('stops and continues the program by Ctrl-Z, fg and bg', () => {
    const output = inShell(
      ['type', "run sh -c 'echo be''gun; read line; echo got $line; exit 5'\n"],
      ['expect', 'begun'],
      ['type', '\x1a'],
      ['expect', 'Stopped'],
      ['expect', 'ready> '],
      ['type', 'jobs -l\n'],
      ['expect', 'Stopped'],
      ['type', 'fg\n'],
      ['expect', 'run --'],
      ['type', 'word\n'],
      ['expect', 'got word'],
      ['expect', 'ready> '],
      ['type', 'echo status=$?\n'],
      ['expect', 'status=5'],
    );
    expect(output).toMatch(/exit 0\n$/);
  });

  it('stops a program in the background that reads', () => {
    const output = inShell(
      ['type', "run sh -c 'read line; echo got $line' &\n"],
      ['pause', '2'],
      ['type', '\n'],
      ['expect', 'Stopped'],
      ['type', 'fg\n'],
      ['expect', 'run sh'],
      ['type', 'word\n'],
      ['expect', 'got word'],
    );
    expect(output).toMatch(/exit 0\n$/);
  });

  it('gives an interactive shell its own job control', () => {
    const output = converse(
      [...barchan, 'bash', '--norc', '--noprofile', '-i'],
      [
        ['type', "PS1='in''ner> '\n"],
        ['expect', 'inner> '],
        ['type', "echo go''ing; sleep 60\n"],
        ['expect', 'going'],
        ['pause', '1'],
        ['type', '\x1a'],
        ['expect', 'Stopped'],
        ['type', "kill %1; wait; echo do''ne\n"],
        ['expect', 'done'],
        ['type', "echo ag''ain; sleep 61\n"],
        ['expect', 'again'],
        ['pause', '1'],
        ['type', '\x03'],
        ['expect', 'inner> '],
        ['type', 'exit 6\n'],
      ],
    );
    expect(output).toMatch(/exit 6\n$/);
  });

  it('keeps the settings that the program made', () => {
    const output = inShell(
      ['type', 'run stty -echo -icanon min 7\n'],
      ['expect', 'ready> '],
      ['type', 'stty -a\n'],
      ['expect', 'min = 7'],
      ['type', 'stty sane\n'],
      ['expect', 'ready> '],
    );
    expect(output).toMatch(/exit 0\n$/);
  });
});
