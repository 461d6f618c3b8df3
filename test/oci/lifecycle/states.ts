/** State transitions (runtime-spec, runtime.md). */
import { type Case, letGo, outcome, running, untilLetGo } from './case.js';

export const stateCases: Case[] = [
  {
    name: 'create leaves it created, with its process waiting',
    observe: (box) => {
      const created = outcome(box.write('echo started').create());
      return { created, status: box.state().status, output: box.output, pid: box.state().pid === box.pid };
    },
    expected: { created: 'ok', status: 'created', output: '', pid: true },
  },
  {
    name: 'created, running, stopped, gone',
    observe: async (box) => {
      box.write(untilLetGo).create();
      const seen = [box.state().status];
      box.start();
      seen.push(box.state().status);
      letGo(box);
      await box.untilStopped();
      seen.push(
        box.state().status,
        outcome(box.call(['delete', box.id])),
        box.state().status.split(' ')[0] as string,
      );
      return seen;
    },
    expected: ['created', 'running', 'stopped', 'ok', 'error'],
  },
  {
    name: 'the state shows the id and the bundle',
    observe: (box) => {
      box.write('true').create();
      const { id, bundle } = box.state();
      return { id: id === box.id, bundle: bundle === box.folder };
    },
    expected: { id: true, bundle: true },
  },
  {
    name: 'the same id twice is refused',
    observe: (box) => {
      const first = outcome(box.write('sleep 5').create());
      return {
        first,
        second: outcome(box.call(['create', '--bundle', box.folder, box.id])),
        after: box.state().status,
      };
    },
    expected: { first: 'ok', second: 'failed', after: 'created' },
  },
  {
    name: 'run with an id that exists is refused',
    observe: (box) => {
      box.write('sleep 5').create();
      return [outcome(box.call(['run', '--bundle', box.folder, box.id])), box.state().status];
    },
    expected: ['failed', 'created'],
  },
  {
    name: 'a container is started once',
    observe: async (box) => {
      await running(box);
      return [outcome(box.start()), box.state().status];
    },
    expected: ['failed', 'running'],
  },
  {
    name: 'start after the end is refused',
    observe: async (box) => {
      await running(box, 'true');
      await box.untilStopped();
      return outcome(box.start());
    },
    expected: 'failed',
  },
  {
    name: 'start of what does not exist is refused',
    observe: (box) => outcome(box.start()),
    expected: 'failed',
  },
  {
    name: 'state of what does not exist is refused',
    observe: (box) => outcome(box.call(['state', box.id])),
    expected: 'failed',
  },
  {
    name: 'kill of what does not exist is refused',
    observe: (box) => outcome(box.call(['kill', box.id, 'KILL'])),
    expected: 'failed',
  },
  {
    name: 'delete of what does not exist is refused, with --force it is not',
    observe: (box) => [
      outcome(box.call(['delete', box.id])),
      outcome(box.call(['delete', '--force', box.id])),
    ],
    expected: ['failed', 'ok'],
  },
  {
    name: 'delete of a running container is refused',
    observe: async (box) => {
      await running(box);
      return [outcome(box.call(['delete', box.id])), box.state().status];
    },
    expected: ['failed', 'running'],
  },
  {
    name: 'delete --force ends a running container',
    observe: async (box) => {
      await running(box);
      const { pid } = box;
      const deleted = outcome(box.call(['delete', '--force', box.id]));
      await box.until(() => !isAlive(pid), 'the end of the process');
      return [deleted, outcome(box.call(['state', box.id]))];
    },
    expected: ['ok', 'failed'],
  },
  {
    name: 'delete --force of a created container',
    observe: (box) => {
      box.write('true').create();
      return [outcome(box.call(['delete', '--force', box.id])), outcome(box.call(['state', box.id]))];
    },
    expected: ['ok', 'failed'],
  },
  {
    name: 'delete of a created container',
    observe: (box) => {
      box.write('true').create();
      return outcome(box.call(['delete', box.id]));
    },
  },
  {
    name: 'kill by name and number; the handler runs',
    observe: async (box) => {
      await running(
        box,
        'trap "echo got TERM" TERM; trap "echo got USR1" USR1; echo ready; while :; do sleep 0.05; done',
      );
      const killed = [outcome(box.call(['kill', box.id, 'TERM'])), outcome(box.call(['kill', box.id, '10']))];
      await box.untilOutput('got TERM');
      await box.untilOutput('got USR1');
      return killed;
    },
    expected: ['ok', 'ok'],
  },
  {
    name: 'kill without a signal is TERM',
    observe: async (box) => {
      await running(box);
      const killed = outcome(box.call(['kill', box.id]));
      await box.untilStopped();
      return killed;
    },
    expected: 'ok',
  },
  {
    name: 'kill of a created container',
    observe: async (box) => {
      box.write('sleep 5').create();
      const killed = outcome(box.call(['kill', box.id, 'KILL']));
      await box.untilStopped();
      return killed;
    },
    expected: 'ok',
  },
  {
    name: 'kill after the end is refused',
    observe: async (box) => {
      await running(box, 'true');
      await box.untilStopped();
      return outcome(box.call(['kill', box.id, 'KILL']));
    },
    expected: 'failed',
  },
  {
    name: 'kill with a signal that there is not',
    observe: async (box) => {
      await running(box);
      return [outcome(box.call(['kill', box.id, 'NOSUCH'])), box.state().status];
    },
  },
  {
    name: 'pause and resume',
    observe: async (box) => {
      await running(box, 'echo ready; i=0; while :; do i=$((i+1)); echo $i > /data/count; sleep 0.02; done');
      const paused = [outcome(box.call(['pause', box.id])), box.state().status];
      const [a, b] = [await count(box), await count(box)];
      const resumed = [outcome(box.call(['resume', box.id])), box.state().status];
      await box.until(() => readCount(box) !== b, 'going on');
      return { paused, stands: a === b, resumed };
    },
    expected: { paused: ['ok', 'paused'], stands: true, resumed: ['ok', 'running'] },
  },
  {
    name: 'an invalid id is refused',
    observe: (box) => {
      box.write('true');
      return ['../x', 'a/b', ''].map((id) => outcome(box.call(['create', '--bundle', box.folder, id])));
    },
    expected: ['failed', 'failed', 'failed'],
  },
];

import { existsSync, readFileSync } from 'node:fs';
import type { Box } from '../bed.js';

function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return existsSync(`/proc/${pid}`);
  }
}

const readCount = (box: Box) => readFileSync(box.path('rootfs/data/count'), 'utf8');

async function count(box: Box): Promise<string> {
  await new Promise((resolve) => setTimeout(resolve, 150));
  return readCount(box);
}
