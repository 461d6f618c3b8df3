/** The process: arguments, user, limits, capabilities, terminal (runtime-spec, config.md "Process"). */
import { spawn, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Box } from '../bed.js';
import { answer, type Case, outcome, running } from './case.js';

const status = (names: string) => `grep -E '^(${names}):' /proc/self/status`;

/** create --console-socket: what the terminal says until its end, and the size that it was given. */
async function onConsole(box: Box, script: string): Promise<string> {
  const helper = fileURLToPath(new URL('../console.py', import.meta.url));
  const child = spawn('python3', [helper, box.path('console')], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  await box.until(() => output.includes('listening'), 'the console socket');
  box.config.process.terminal = true;
  const created = box.write(script).create('--console-socket', box.path('console'));
  if (created.status !== 0) {
    child.kill();
    return `create failed`;
  }
  box.start();
  await new Promise((resolve) => child.once('close', resolve));
  return output;
}

export const processCases: Case[] = [
  {
    name: 'arguments and environment',
    observe: (box) => {
      box.config.process.args = ['env', '-i', 'sh', '-c', 'echo "$0|$1|$2"', '', 'a b', 'ü"\n\\'];
      return answer(box, undefined as unknown as string);
    },
    expected: { status: 0, stdout: '|a b|ü"\n\\\n' },
  },
  {
    name: 'the environment as it is given',
    observe: (box) => {
      box.config.process.env = ['PATH=/bin', 'A=1', 'B=', 'C=x=y'];
      return answer(box, 'env | grep -E "^(A|B|C|PATH)=" | sort');
    },
    expected: { status: 0, stdout: 'A=1\nB=\nC=x=y\nPATH=/bin\n' },
  },
  {
    name: "argv[0], cmdline, comm and exe are the program's",
    observe: (box) =>
      answer(box, "tr '\\0' '|' < /proc/$$/cmdline; cat /proc/$$/comm; readlink /proc/$$/exe"),
    expected: {
      status: 0,
      stdout:
        "sh|-c|tr '\\0' '|' < /proc/$$/cmdline; cat /proc/$$/comm; readlink /proc/$$/exe|sh\n/bin/busybox\n",
    },
  },
  {
    name: 'the working directory',
    observe: (box) => {
      box.config.process.cwd = '/tmp';
      return answer(box, 'pwd');
    },
    expected: { status: 0, stdout: '/tmp\n' },
  },
  {
    name: 'a working directory that is not there is made',
    observe: (box) => {
      box.config.process.cwd = '/made/up';
      return answer(box, 'pwd');
    },
    expected: { status: 0, stdout: '/made/up\n' },
  },
  {
    name: 'a relative working directory is refused',
    observe: (box) => {
      box.config.process.cwd = 'tmp';
      return outcome(box.run('true'));
    },
  },
  ...[
    { what: 'a name that is not in PATH', args: ['no-such-program'] },
    { what: 'a file that is not executable', args: ['/etc/passwd'] },
    { what: 'a folder', args: ['/etc'] },
  ].map(
    ({ what, args }): Case => ({
      name: `the program is ${what}`,
      observe: (box) => {
        box.config.process.args = args;
        return outcome(box.run());
      },
      expected: 'failed',
    }),
  ),
  {
    name: 'a name that is not in PATH fails at create',
    observe: (box) => {
      box.config.process.args = ['no-such-program'];
      return outcome(box.write().create());
    },
    expected: 'failed',
  },
  {
    name: 'PATH of the container finds the program',
    observe: (box) => {
      writeFileSync(box.path('rootfs/data/program'), '#!/bin/sh\necho found $0\n', { mode: 0o755 });
      box.config.process.env = ['PATH=/tmp:/data:/bin'];
      box.config.process.args = ['program'];
      return answer(box, undefined as unknown as string);
    },
    expected: { status: 0, stdout: 'found /data/program\n' },
  },
  {
    name: 'user and groups',
    observe: (box) => {
      box.config.process.user = { uid: 1000, gid: 1001, additionalGids: [5, 6] };
      return answer(box, `id -u; id -g; id -G; ${status('Uid|Gid|Groups')}`);
    },
    expected: {
      status: 0,
      stdout:
        '1000\n1001\n1001 5 6\nUid:\t1000\t1000\t1000\t1000\nGid:\t1001\t1001\t1001\t1001\nGroups:\t5 6 \n',
    },
  },
  {
    name: 'the umask',
    observe: (box) => {
      box.config.process.user.umask = 0o77;
      return answer(box, 'umask');
    },
    expected: { status: 0, stdout: '0077\n' },
  },
  {
    name: 'limits',
    observe: (box) => {
      box.config.process.rlimits = [
        { type: 'RLIMIT_NOFILE', soft: 100, hard: 200 },
        { type: 'RLIMIT_CORE', soft: 0, hard: 4096 },
        { type: 'RLIMIT_FSIZE', soft: 1048576, hard: 2097152 },
      ];
      return answer(box, 'ulimit -Sn; ulimit -Hn; ulimit -Sc; ulimit -Hc; ulimit -Sf; ulimit -Hf');
    },
    expected: { status: 0, stdout: '100\n200\n0\n8\n2048\n4096\n' },
  },
  {
    name: 'a limit holds',
    observe: (box) => {
      box.config.process.rlimits = [{ type: 'RLIMIT_NOFILE', soft: 24, hard: 24 }];
      return answer(
        box,
        `awk 'BEGIN { for (p = "/etc/passwd"; (getline < p) > 0; p = "/." p) n++; print n }'`,
      );
    },
    expected: { status: 0, stdout: '21\n' },
  },
  {
    name: 'a limit that there is not',
    observe: (box) => {
      box.config.process.rlimits = [{ type: 'RLIMIT_NO_SUCH', soft: 1, hard: 1 }];
      return outcome(box.run('true'));
    },
    expected: 'failed',
  },
  {
    name: 'capabilities',
    observe: (box) => answer(box, status('Cap.*')),
  },
  {
    name: 'no capabilities',
    observe: (box) => {
      box.config.process.capabilities = { bounding: [], effective: [], permitted: [] };
      return answer(box, `${status('Cap(Eff|Bnd|Prm)')}; chown 1 /tmp 2>/dev/null || echo refused`);
    },
    expected: {
      status: 0,
      stdout: 'CapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nCapBnd:\t0000000000000000\nrefused\n',
    },
  },
  {
    name: 'ambient capabilities of a user',
    observe: (box) => {
      const some = ['CAP_CHOWN', 'CAP_KILL'];
      box.config.process.user = { uid: 1000, gid: 1000 };
      box.config.process.capabilities = {
        bounding: some,
        effective: some,
        permitted: some,
        inheritable: some,
        ambient: some,
      };
      return answer(
        box,
        `${status('Cap.*')}; touch /tmp/f 2>/dev/null; chown 5 /etc/passwd && stat -c %u /etc/passwd`,
      );
    },
  },
  {
    name: 'capabilities work: a privileged port',
    observe: (box) => {
      return answer(box, 'mknod /tmp/null c 1 3 && ls /tmp/null');
    },
    expected: { status: 0, stdout: '/tmp/null\n' },
  },
  ...[true, false].map(
    (value): Case => ({
      name: `noNewPrivileges ${value}`,
      observe: (box) => {
        box.config.process.noNewPrivileges = value;
        return answer(box, status('NoNewPrivs'));
      },
      expected: { status: 0, stdout: `NoNewPrivs:\t${Number(value)}\n` },
    }),
  ),
  {
    name: 'oomScoreAdj',
    observe: (box) => {
      box.config.process.oomScoreAdj = 321;
      return answer(box, 'cat /proc/self/oom_score_adj');
    },
    expected: { status: 0, stdout: '321\n' },
  },
  {
    name: 'hostname and domainname',
    observe: (box) => {
      box.config.hostname = 'other';
      return answer(box, 'hostname; cat /proc/sys/kernel/hostname');
    },
    expected: { status: 0, stdout: 'other\nother\n' },
  },
  {
    name: 'a terminal needs a console socket when created',
    observe: (box) => {
      box.config.process.terminal = true;
      return outcome(box.write('true').create());
    },
    expected: 'failed',
  },
  {
    name: 'a terminal through the console socket',
    observe: async (box) =>
      (
        await onConsole(
          box,
          'tty; test -t 0 && test -t 1 && test -t 2 && echo all; ls -l /dev/console | cut -c1; stty size',
        )
      ).replace(/\r/g, ''),
  },
  {
    name: 'the terminal is the controlling one: an interrupt key arrives',
    observe: async (box) =>
      (
        await onConsole(
          box,
          'trap "echo interrupted; exit 0" INT; echo send-interrupt; while :; do sleep 0.1; done',
        )
      ).includes('interrupted'),
    expected: true,
  },
  {
    name: 'a new size arrives',
    observe: async (box) =>
      (
        await onConsole(box, 'trap "stty size; exit 0" WINCH; echo send-resize; while :; do sleep 0.1; done')
      ).includes('33 77'),
    expected: true,
  },
  {
    name: 'a shebang script as program',
    observe: (box) => {
      writeFileSync(box.path('rootfs/data/script'), '#!/bin/sh -e\necho "$0 $1"\n', { mode: 0o755 });
      box.config.process.args = ['/data/script', 'x'];
      return answer(box, undefined as unknown as string);
    },
    expected: { status: 0, stdout: '/data/script x\n' },
  },
  {
    name: 'the first process reaps and is 1',
    observe: (box) => answer(box, 'echo $$; (sleep 0.1 &) ; sleep 0.4; ps -o pid,stat | grep -c Z'),
    expected: { status: 1, stdout: '1\n0\n' },
  },
  {
    name: 'children, pipes and job control',
    observe: (box) =>
      answer(box, 'for i in 1 2 3; do echo $i & done | sort; wait; seq() { :; }; echo done | cat | cat'),
    expected: { status: 0, stdout: '1\n2\n3\ndone\n' },
  },
  {
    name: 'signals to the first process: default actions do not apply',
    observe: async (box) => {
      await running(box, 'echo ready; while :; do sleep 0.05; done');
      box.call(['kill', box.id, 'TERM']);
      await new Promise((resolve) => setTimeout(resolve, 200));
      return box.state().status;
    },
    expected: 'running',
  },
  {
    name: 'the end takes the others along',
    observe: async (box) => {
      await running(box, 'sleep 1000 & echo ready; sleep 0.2');
      await box.untilStopped();
      return spawnSync('pgrep', ['-f', `sleep 1000 ${box.id}`]).status;
    },
  },
];
