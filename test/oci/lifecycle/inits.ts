/** Small init processes as a container's first: Debian's tini and s6. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type Box, copyPrograms } from '../bed.js';
import { type Case, outcome } from './case.js';

/** A container whose first process is tini with this script below it. */
function underTini(box: Box, script: string): void {
  copyPrograms(box.path('rootfs'), ['/usr/bin/tini']);
  box.config.process.args = ['/usr/bin/tini', '-s', '--', 'sh', '-c', script];
}

const lines = (path: string) =>
  existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter(Boolean) : [];

export const initCases: Case[] = [
  {
    name: 'tini: the first process, and the status of its child',
    needs: ['tini', 'tini'],
    observe: (box) => {
      underTini(box, 'test $$ != 1 && cat /proc/1/comm; exit 7');
      const { status, stdout } = box.run();
      return { status, stdout };
    },
    expected: { status: 7, stdout: 'tini\n' },
  },
  {
    name: 'tini: a signal that kills its child becomes the status',
    needs: ['tini', 'tini'],
    observe: (box) => {
      underTini(box, 'kill -9 $$');
      return box.run().status;
    },
    expected: 137,
  },
  {
    name: 'tini: reaps whom nobody waits for',
    needs: ['tini', 'tini'],
    observe: (box) => {
      underTini(
        box,
        'sh -c "sh -c \'echo \\$\\$ > /data/pid\' &"; while ! test -s /data/pid || test -e /proc/$(cat /data/pid); do :; done; echo gone',
      );
      return box.run().stdout;
    },
    expected: 'gone\n',
  },
  {
    name: 'tini: hands signals on',
    needs: ['tini', 'tini'],
    observe: async (box) => {
      underTini(box, 'trap "echo got TERM; exit 0" TERM; echo ready; while :; do sleep 0.05; done');
      box.write().create();
      const started = outcome(box.start());
      await box.untilOutput('ready');
      const killed = outcome(box.call(['kill', box.id, 'TERM']));
      await box.untilStopped();
      return [started, killed, box.output];
    },
    expected: ['ok', 'ok', 'ready\ngot TERM\n'],
  },
  {
    name: 's6-svscan: starts services, starts one again that ends, ends with all of them',
    needs: ['s6-svscan', 's6'],
    observe: async (box) => {
      const programs = ['s6-svscan', 's6-supervise', 's6-svstat', 's6-svc'];
      copyPrograms(
        box.path('rootfs'),
        programs.map((name) => `/usr/bin/${name}`),
      );
      for (const name of ['one', 'two']) {
        mkdirSync(box.path('rootfs/services', name), { recursive: true });
        const script = `#!/bin/sh\necho $$ >> /data/${name}\nexec sleep 1000\n`;
        writeFileSync(box.path('rootfs/services', name, 'run'), script, { mode: 0o755 });
      }
      box.config.process.env = ['PATH=/bin:/usr/bin'];
      box.config.process.args = ['s6-svscan', '/services'];
      box.write().create();
      const seen = [outcome(box.start())];
      const log = (name: string) => lines(box.path('rootfs/data', name));
      await box.until(() => log('one').length === 1 && log('two').length === 1, 'both services');
      seen.push(outcome(box.exec('kill', '-9', log('one')[0] as string)));
      await box.until(() => log('one').length === 2, 'the second start');
      const status = box.exec('s6-svstat', '-o', 'up,pid', '/services/one').stdout.trim();
      seen.push(status === `true ${log('one')[1]}` ? 'up' : `${status}, not ${log('one')}`);
      seen.push(outcome(box.exec('s6-svc', '-d', '/services/two')));
      const up = () => box.exec('s6-svstat', '-o', 'up', '/services/two').stdout.trim();
      await box.until(() => up() === 'false', 'the end of a service');
      seen.push(outcome(box.call(['kill', box.id, 'TERM'])));
      await box.untilStopped();
      return seen;
    },
    expected: ['ok', 'ok', 'up', 'ok', 'ok'],
  },
];
