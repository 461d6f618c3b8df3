import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { setupError, setupSteps } from '../../lib/setup-failure.js';

const root = new URL('../../', import.meta.url);
const text = (path: string): string => readFileSync(new URL(path, root), 'utf8');

describe('steps of the set-up', () => {
  const sources = [
    ...readdirSync(new URL('native/sandbox', root)).map((name) => `native/sandbox/${name}`),
    'native/supervisor/join.cc',
    'native/network/routes.cc',
  ].map(text);
  const used = new Set(
    sources.flatMap((source) =>
      [...source.matchAll(/(?:step = |, ?|\{)"([a-z]+(?:-[a-z]+)*)"/g)].map((m) => m[1]),
    ),
  );

  it.each(setupSteps)('%s is one of the native code, and documented', (step) => {
    expect([...used]).toContain(step);
    expect(text('docs/errors.md')).toContain(`\`${step}\``);
  });
});

describe('a failure', () => {
  it('names step, errno, path and remedy', () => {
    const error = setupError({ step: 'landlock', errno: 38 });
    expect(error).toMatchObject({ code: 'ERR_SANDBOX_SETUP', step: 'landlock', errno: 38 });
    expect(error.message).toContain('ENOSYS');
    expect(error.remedy).toContain("allowWeaker: ['landlock']");
    expect(setupError({ step: 'mount', errno: 2, path: '/data' })).toMatchObject({ path: '/data', errno: 2 });
    expect(setupError({ step: 'mount', errno: 30, path: '/x' }).remedy).toContain('writable layer');
    expect(setupError({ step: 'user-namespace', errno: 1 }).remedy).toMatch(/namespaces|root/);
  });

  it('of a step that this version does not know is one all the same', () => {
    expect(setupError({ step: 'new-step', errno: 1 }).message).toContain('new-step');
  });
});
