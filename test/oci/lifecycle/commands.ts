/** exec, run, list, ps, update, events, and the options that come with them. */
import { mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { type Case, letGo, outcome, running, untilLetGo } from './case.js';

const processJson = (more: object) => ({
  args: ['sh', '-c', 'echo $A; pwd; id; exit 7'],
  env: ['PATH=/bin', 'A=b'],
  cwd: '/tmp',
  user: { uid: 1000, gid: 1000 },
  ...more,
});

export const commandCases: Case[] = [
  {
    name: 'run gives the status of its process',
    observe: (box) => [box.run('exit 0').status, box.run('exit 42').status],
    expected: [0, 42],
  },
  {
    name: 'a death by a signal, which the first process survives',
    observe: (box) => [
      box.run('sh -c "kill -9 \\$\\$"; exit $?').status,
      box.run('kill -15 $$; exit 3').status,
    ],
    expected: [137, 3],
  },
  {
    name: 'run leaves nothing of the container',
    observe: (box) => [box.run('true').status, box.state().status.split(' ')[0]],
    expected: [0, 'error'],
  },
  {
    name: 'run passes standard streams on',
    observe: (box) => {
      const { stdout, stderr } = box.run('cat; echo err >&2', { input: 'in\n' });
      return { stdout, stderr };
    },
    expected: { stdout: 'in\n', stderr: 'err\n' },
  },
  {
    name: 'run with much output',
    observe: (box) => box.run('head -c 3000000 /dev/zero | tr "\\0" x').stdout.length,
    expected: 3_000_000,
  },
  {
    name: 'run --detach',
    observe: async (box) => {
      const { status } = box.run(untilLetGo, {}, '--detach', '--pid-file', box.path('pid'));
      const seen = [status, box.state().status, box.state().pid === box.pid];
      letGo(box);
      await box.untilStopped();
      return seen;
    },
    expected: [0, 'running', true],
  },
  {
    name: 'a program that is not there',
    observe: (box) => {
      box.config.process.args = ['/no/such/program'];
      return outcome(box.run());
    },
    expected: 'failed',
  },
  {
    name: 'exec in a running container: output and status',
    observe: async (box) => {
      await running(box);
      const { status, stdout } = box.exec('sh', '-c', 'echo hello; exit 5');
      return { status, stdout };
    },
    expected: { status: 5, stdout: 'hello\n' },
  },
  {
    name: 'exec shares the namespaces',
    observe: async (box) => {
      await running(box);
      return box.exec('sh', '-c', 'hostname; kill -0 1 && echo sees 1; cat /proc/1/comm').stdout;
    },
    expected: 'box\nsees 1\nsh\n',
  },
  {
    name: 'exec --process',
    observe: async (box) => {
      await running(box);
      writeFileSync(box.path('process.json'), JSON.stringify(processJson({})));
      const { status, stdout } = box.call(['exec', '--process', box.path('process.json'), box.id]);
      return { status, stdout };
    },
    expected: { status: 7, stdout: 'b\n/tmp\nuid=1000(user) gid=1000\n' },
  },
  {
    name: 'exec --process with limits and capabilities of its own',
    observe: async (box) => {
      await running(box);
      const process = processJson({
        args: ['sh', '-c', 'ulimit -Sn; ulimit -Hn; grep -E "Cap(Bnd|Eff)|NoNewPrivs" /proc/self/status'],
        user: { uid: 0, gid: 0 },
        rlimits: [{ type: 'RLIMIT_NOFILE', soft: 77, hard: 99 }],
        capabilities: { bounding: ['CAP_KILL'], effective: ['CAP_KILL'], permitted: ['CAP_KILL'] },
        noNewPrivileges: true,
      });
      writeFileSync(box.path('process.json'), JSON.stringify(process));
      return box.call(['exec', '-p', box.path('process.json'), box.id]).stdout;
    },
    expected: '77\n99\nCapEff:\t0000000000000020\nCapBnd:\t0000000000000020\nNoNewPrivs:\t1\n',
  },
  {
    name: 'exec --user, --cwd, --env',
    observe: async (box) => {
      await running(box);
      return box.call([
        'exec',
        '--user',
        '1000:1000',
        '--cwd',
        '/tmp',
        '--env',
        'X=y',
        box.id,
        '/bin/sh',
        '-c',
        'id; pwd; echo $X',
      ]).stdout;
    },
    expected: 'uid=1000(user) gid=1000\n/tmp\ny\n',
  },
  {
    name: 'exec --detach --pid-file',
    observe: async (box) => {
      await running(box);
      const result = box.call([
        'exec',
        '--detach',
        '--pid-file',
        box.path('exec.pid'),
        box.id,
        'sh',
        '-c',
        'echo $$ > /data/pid',
      ]);
      await box.until(() => exists(box.path('rootfs/data/pid')), 'the file');
      return [outcome(result), Number(readFileSync(box.path('exec.pid'), 'utf8')) > 0];
    },
    expected: ['ok', true],
  },
  {
    name: 'exec in what is not running is refused',
    observe: async (box) => {
      const before = outcome(box.exec('true'));
      await running(box, 'true');
      await box.untilStopped();
      return [before, outcome(box.exec('true'))];
    },
    expected: ['failed', 'failed'],
  },
  {
    name: 'exec of a program that is not there',
    observe: async (box) => {
      await running(box);
      return outcome(box.exec('/no/such/program'));
    },
    expected: 'failed',
  },
  {
    name: 'exec keeps standard input',
    observe: async (box) => {
      await running(box);
      return box.call(['exec', box.id, 'cat'], { input: 'through\n' }).stdout;
    },
    expected: 'through\n',
  },
  {
    name: 'many at once in one container',
    observe: async (box) => {
      await running(box);
      return Array.from({ length: 5 }, (_, i) => box.exec('sh', '-c', `echo ${i} | cat`).stdout).join('');
    },
    expected: '0\n1\n2\n3\n4\n',
  },
  {
    name: '--preserve-fds passes descriptors on',
    observe: (box) => {
      writeFileSync(box.path('three'), 'three');
      writeFileSync(box.path('four'), 'four');
      const extra = [openSync(box.path('three'), 'r'), openSync(box.path('four'), 'r')];
      return box.run('cat <&3; cat <&4; ls /proc/self/fd | wc -l', { extra }, '--preserve-fds', '2').stdout;
    },
    expected: 'threefour6\n',
  },
  {
    name: 'no descriptor of ours is passed on without being asked for',
    observe: (box) => {
      const extra = [openSync('/dev/null', 'r'), openSync('/dev/null', 'r')];
      return box.run('for i in 3 4 5 6 7; do readlink /proc/$$/fd/$i; done', { extra }).stdout;
    },
    expected: '',
  },
  {
    name: 'list -q shows the id',
    observe: (box) => {
      box.write('true').create();
      return box.call(['list', '-q']).stdout.trim() === box.id;
    },
    expected: true,
  },
  {
    name: 'list is empty at first',
    observe: (box) => box.call(['list', '-q']).stdout,
    expected: '',
  },
  {
    name: 'ps lists the processes',
    observe: async (box) => {
      await running(box);
      const { stdout } = box.call(['ps', '--format', 'json', box.id]);
      return JSON.parse(stdout).includes(box.pid);
    },
    expected: true,
  },
  {
    name: 'update changes a limit',
    observe: async (box) => {
      box.config.linux.resources = { pids: { limit: 50 } };
      await running(box);
      const result = outcome(box.call(['update', '--pids-limit', '33', box.id]));
      return [result, cgroupFile(box.pid, 'pids', 'pids.max')];
    },
    expected: ['ok', '33'],
  },
  {
    name: 'the pid file is of the container',
    observe: (box) => {
      box.write('true').create();
      return readFileSync(`/proc/${box.pid}/cgroup`, 'utf8').includes(box.id);
    },
    expected: true,
  },
  {
    name: 'the bundle is the working directory by default',
    observe: (box) => outcome(box.write('true').call(['run', box.id], { cwd: box.folder })),
    expected: 'ok',
  },
  {
    name: 'a bundle that is not there',
    observe: (box) => outcome(box.call(['create', '--bundle', '/no/such/bundle', box.id])),
    expected: 'failed',
  },
  {
    name: 'a bundle without config.json',
    observe: (box) => {
      mkdirSync(box.path('empty'));
      return outcome(box.call(['create', '--bundle', box.path('empty'), box.id]));
    },
    expected: 'failed',
  },
  {
    name: 'an unknown option, an unknown command',
    observe: (box) => [
      outcome(box.call(['create', '--no-such-option', box.id])),
      outcome(box.call(['no-such-command'])),
    ],
    expected: ['failed', 'failed'],
  },
  {
    name: 'socket activation: LISTEN_FDS',
    observe: (box) => {
      writeFileSync(box.path('three'), 'three');
      const extra = [openSync(box.path('three'), 'r')];
      box.runtime.words = ['sh', '-c', 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"', 'sh', ...box.runtime.words];
      return box.run('cat <&3', { extra }).stdout;
    },
    expected: 'three',
  },
  {
    name: 'the log file tells why in JSON',
    observe: (box) => {
      box.config.process.args = [];
      box.write();
      const result = outcome(
        box.call([
          '--log',
          box.path('log'),
          '--log-format',
          'json',
          'create',
          '--bundle',
          box.folder,
          box.id,
        ]),
      );
      const last = readFileSync(box.path('log'), 'utf8').trim().split('\n').at(-1) as string;
      return [result, Object.keys(JSON.parse(last)).sort()];
    },
    expected: ['failed', ['level', 'msg', 'time']],
  },
];

import { existsSync as exists } from 'node:fs';

function cgroupFile(pid: number, controller: string, file: string): string {
  const line = readFileSync(`/proc/${pid}/cgroup`, 'utf8')
    .split('\n')
    .find((text) => text.split(':')[1] === controller);
  return readFileSync(`/sys/fs/cgroup/${controller}${line?.split(':')[2]}/${file}`, 'utf8').trim();
}
