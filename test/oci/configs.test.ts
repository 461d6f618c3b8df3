// What barchan-runtime says of its own, and of configs that are broken or mean to be read in two ways.
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Box, barchanRuntime, disposeAll, needsRuntime, removeTemplates } from './bed.js';

afterEach(disposeAll);
afterAll(removeTemplates);

describe('the command line', () => {
  it('has the version of the package', () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
    const { stdout } = spawnSync(barchanRuntime, ['--version'], { encoding: 'utf8' });
    expect(stdout).toMatch(
      new RegExp(`^barchan-runtime version ${version.replaceAll('.', '\\.')}\nspec: 1\\.`),
    );
  });

  it('tells its features', () => {
    const { stdout } = spawnSync(barchanRuntime, ['features'], { encoding: 'utf8' });
    const features = JSON.parse(stdout);
    expect(features.ociVersionMin).toBe('1.0.0');
    expect(features.linux.seccomp.enabled).toBe(true);
  });

  it('says what is missing when there is no runtime below it', () => {
    const env = { PATH: dirname(barchanRuntime), BARCHAN_OCI_RUNTIME: 'no-such-runtime' };
    const { status, stderr } = spawnSync(barchanRuntime, ['list'], { encoding: 'utf8', env });
    expect([status, stderr]).toEqual([1, 'barchan-runtime: there is no runtime no-such-runtime in PATH\n']);
  });
});

describe('hostile and broken configs', () => {
  beforeEach((context) => needsRuntime(context, 'crun'));

  const refused = (text: string) => {
    const box = new Box('crun', true);
    writeFileSync(box.path('config.json'), text);
    const { status, stderr } = box.call(['create', '--bundle', box.folder, box.id]);
    expect(status).toBe(1);
    return stderr
      .replace(/^barchan-runtime: /, '')
      .replace(box.folder, '')
      .trim();
  };
  const changed = (change: (config: ReturnType<typeof JSON.parse>) => void) => {
    const { config } = new Box('crun', true);
    change(config);
    return refused(JSON.stringify(config));
  };

  it.each<[string, string, string]>([
    ['nothing', '', '/config.json:1:1: expected a value, found the end'],
    ['no end', '{"a":[1,2', "/config.json:1:10: expected ',' or ']'"],
    ['a name twice', '{"process":{},\n "process":{}}', '/config.json:2:11: a name occurs twice in an object'],
    [
      'a name twice by an escape',
      '{"a":1,"\\u0061":2}',
      '/config.json:1:16: a name occurs twice in an object',
    ],
    [
      'another case',
      '{"ociVersion":"1.0.0","Process":{}}',
      '/config.json: Process differs from process in its letters only: some readers take one for the other',
    ],
    [
      'a long s',
      '{"ociVersion":"1.0.0","proce\u017fs":{}}',
      '/config.json: proce\u017fs differs from process in its letters only: some readers take one for the other',
    ],
    ['a comment', '{} // end', '/config.json:1:4: there is more after the value'],
    ['too deep', '['.repeat(100), '/config.json:1:66: values are nested too deeply'],
    ['an array', '[]', '/config.json: config.json must be an object'],
  ])('%s', (_, text, message) => expect(refused(text)).toBe(message));

  it.each<[string, (config: ReturnType<typeof JSON.parse>) => void, string]>([
    ['no version', (c) => delete c.ociVersion, 'ociVersion must be a string'],
    [
      'another version',
      (c) => Object.assign(c, { ociVersion: '2.0.0' }),
      'ociVersion 2.0.0 is not supported: it must be 1.x',
    ],
    ['no process', (c) => delete c.process, 'process must be an object'],
    [
      'no arguments',
      (c) => Object.assign(c.process, { args: [] }),
      'process.args must be an array of strings that is not empty',
    ],
    [
      'a number as argument',
      (c) => Object.assign(c.process, { args: ['sh', 1] }),
      'process.args[1] must be a string',
    ],
    [
      'NUL in an argument',
      (c) => Object.assign(c.process, { args: ['sh', 'a\0b'] }),
      'process.args[1] holds a NUL character',
    ],
    [
      'NUL in the environment',
      (c) => Object.assign(c.process, { env: ['A=\0'] }),
      'process.env[0] holds a NUL character',
    ],
    ['no root', (c) => delete c.root, 'root.path must be a string that is not empty'],
    [
      'a limit twice',
      (c) => c.process.rlimits.push(c.process.rlimits[0]),
      'process.rlimits[1]: RLIMIT_NOFILE occurs twice',
    ],
    [
      'a negative limit',
      (c) => Object.assign(c.process.rlimits[0], { soft: -1 }),
      'process.rlimits[0].soft must be a number from 0 to 2^64-1',
    ],
    ['mounts that are none', (c) => Object.assign(c, { mounts: {} }), 'mounts must be an array'],
    [
      'an annotation of ours that there is not',
      (c) => Object.assign(c, { annotations: { 'dev.barchan.typo': 'x' } }),
      'annotations: there is no dev.barchan.typo',
    ],
    [
      'a policy that is a path',
      (c) => Object.assign(c, { annotations: { 'dev.barchan.policy': '../x' } }),
      "annotations: dev.barchan.policy must be a name of letters a to z, digits and '-'",
    ],
    [
      'a comparison that there is not',
      (c) =>
        Object.assign(c.linux, {
          seccomp: {
            defaultAction: 'SCMP_ACT_ALLOW',
            syscalls: [
              { names: ['read'], action: 'SCMP_ACT_ERRNO', args: [{ index: 0, value: 0, op: '==' }] },
            ],
          },
        }),
      'linux.seccomp.syscalls[0].args[].op: there is no comparison ==',
    ],
    [
      'an argument past the sixth',
      (c) =>
        Object.assign(c.linux, {
          seccomp: {
            defaultAction: 'SCMP_ACT_ALLOW',
            syscalls: [
              {
                names: ['read'],
                action: 'SCMP_ACT_ERRNO',
                args: [{ index: 6, value: 0, op: 'SCMP_CMP_EQ' }],
              },
            ],
          },
        }),
      'linux.seccomp.syscalls[0].args[].index must be a number from 0 to 5',
    ],
  ])('%s', (_, change, message) => expect(changed(change)).toBe(`/config.json: ${message}`));
});
