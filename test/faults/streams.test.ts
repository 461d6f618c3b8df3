/** Standard streams that are closed, full or gone: the program sees what it sees natively. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const cli = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const barchan = `"${process.execPath}" "${cli}" run --`;

/** Exit status, output and error output of a shell command with `RUN` replaced. */
function outcome(command: string, run: string) {
  const { status, stdout } = spawnSync('bash', ['-c', command.replaceAll('RUN', run)], {
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C' },
  });
  return { status, stdout };
}

describe('standard streams', () => {
  it.each([
    ['a full device', 'RUN /bin/echo hello >/dev/full; echo $?'],
    ['a file for input', 'RUN head -2 </etc/passwd'],
    ['a folder for input', 'RUN cat </etc; echo $?'],
    ['the reader leaves', 'RUN yes | head -3; echo $PIPESTATUS'],
    ['output and error output in one pipe', 'RUN sh -c "echo out; echo err >&2; echo out" 2>&1'],
    ['appending to a file', 'f=$(mktemp); RUN echo 1 >>$f; RUN echo 2 >>$f; cat $f; rm $f'],
  ])('%s', (_, command) => {
    expect(outcome(command, barchan)).toEqual(outcome(command, ''));
  });

  // Node itself puts /dev/null in the place of a standard descriptor that is closed.
  it.each([
    ['output', 'RUN /bin/echo hello >&-; echo $?', 'RUN /bin/echo hello >/dev/null; echo $?'],
    ['input', 'RUN cat <&-; echo $?', 'RUN cat </dev/null; echo $?'],
    ['error output', 'RUN ls /no/such/file 2>&-; echo $?', 'RUN ls /no/such/file 2>/dev/null; echo $?'],
  ])('closed %s is like /dev/null', (_, closed, empty) => {
    expect(outcome(closed, barchan)).toEqual(outcome(empty, ''));
  });
});
