/** Hooks (runtime-spec, config.md, "POSIX-platform Hooks"): order, failure, what they are told. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { Box } from '../bed.js';
import { type Case, outcome } from './case.js';

const all = [
  'prestart',
  'createRuntime',
  'createContainer',
  'startContainer',
  'poststart',
  'poststop',
] as const;

/** A hook that notes its name; startContainer runs inside the container, where the folder is another. */
function noting(box: Box, names: readonly string[]): void {
  writeFileSync(box.path('hook'), '#!/bin/sh\ncat >/dev/null\necho $1 >> "$2"\n', { mode: 0o755 });
  box.config.mounts.push({
    destination: '/notes',
    type: 'bind',
    source: box.folder,
    options: ['bind', 'rw'],
  });
  box.config.hooks = Object.fromEntries(
    names.map((name) => {
      const inside = name === 'startContainer';
      const args = inside
        ? ['sh', '-c', 'echo startContainer >> /notes/notes']
        : ['hook', name, box.path('notes')];
      return [name, [{ path: inside ? '/bin/sh' : box.path('hook'), args, env: ['PATH=/bin:/usr/bin'] }]];
    }),
  );
}

const notes = (box: Box) =>
  existsSync(box.path('notes')) ? readFileSync(box.path('notes'), 'utf8').trim().split('\n') : [];

const failing = (name: string): Case => ({
  name: `a ${name} hook that fails`,
  observe: async (box) => {
    noting(box, ['poststop']);
    box.config.hooks[name] = [{ path: '/bin/false', args: ['false'] }];
    const created = outcome(box.write('echo ran').create());
    const started = created === 'ok' ? outcome(box.start()) : 'not tried';
    await new Promise((resolve) => setTimeout(resolve, 100));
    const ran = box.output.includes('ran');
    return {
      created,
      started,
      ran,
      deleted: outcome(box.call(['delete', '--force', box.id])),
      after: outcome(box.call(['state', box.id])),
    };
  },
});

export const hookCases: Case[] = [
  {
    name: 'run in their order',
    observe: (box) => {
      noting(box, all);
      const result = outcome(box.run('echo process >> /notes/notes; sleep 0.2'));
      return { result, notes: notes(box).sort() };
    },
    expected: { result: 'ok', notes: [...all, 'process'].sort() },
  },
  {
    name: 'up to create, at start, at delete',
    observe: async (box) => {
      noting(box, all);
      box.write('true').create();
      const created = notes(box);
      box.start();
      await box.untilStopped();
      const started = notes(box).slice(created.length);
      box.call(['delete', box.id]);
      return { created, started: started.sort(), deleted: notes(box).slice(created.length + started.length) };
    },
  },
  failing('prestart'),
  failing('createRuntime'),
  failing('createContainer'),
  failing('startContainer'),
  {
    name: 'a poststop hook that fails does not keep the container',
    not: { flavor: 'crun', because: 'crun 1.8 itself dies of a signal in this delete, at times' },
    observe: async (box) => {
      box.config.hooks = { poststop: [{ path: '/bin/false', args: ['false'] }] };
      box.write('true').create();
      box.start();
      await box.untilStopped();
      box.call(['delete', box.id]);
      return outcome(box.call(['state', box.id]));
    },
  },
  {
    name: 'are given the state',
    observe: (box) => {
      writeFileSync(box.path('hook'), '#!/bin/sh\ncat > "$1"\n', { mode: 0o755 });
      box.config.annotations = { 'org.example.key': 'value' };
      box.config.hooks = { createRuntime: [{ path: box.path('hook'), args: ['hook', box.path('state')] }] };
      box.write('true').create();
      const state = JSON.parse(readFileSync(box.path('state'), 'utf8'));
      return {
        id: state.id === box.id,
        pid: state.pid === box.pid,
        value: state.annotations?.['org.example.key'],
      };
    },
    expected: { id: true, pid: true, value: 'value' },
  },
  {
    name: 'have their environment and arguments',
    observe: (box) => {
      writeFileSync(box.path('hook'), '#!/bin/sh\necho "$0 $1 $A" > "$2"\n', { mode: 0o755 });
      const args = ['name', 'one', box.path('seen')];
      box.config.hooks = { createRuntime: [{ path: box.path('hook'), args, env: ['A=b'] }] };
      box.write('true').create();
      return readFileSync(box.path('seen'), 'utf8').replace(box.folder, '');
    },
    expected: '/hook one b\n',
  },
  {
    name: 'end by their timeout',
    observe: (box) => {
      box.config.hooks = { createRuntime: [{ path: '/bin/sleep', args: ['sleep', '20'], timeout: 1 }] };
      return outcome(box.write('true').create());
    },
    expected: 'failed',
  },
];
