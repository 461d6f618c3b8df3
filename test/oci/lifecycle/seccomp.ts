/** The container's own seccomp profile, which the gate enforces (runtime-spec, config-linux.md "Seccomp"). */
import type { Box } from '../bed.js';
import { answer, type Case, outcome } from './case.js';

function profile(box: Box, syscalls: object[], more: object = {}): void {
  box.config.linux.seccomp = {
    defaultAction: 'SCMP_ACT_ALLOW',
    architectures: ['SCMP_ARCH_X86_64'],
    syscalls,
    ...more,
  };
}

const makeFolder = 'mkdir /tmp/x; echo $?';
const both = ['mkdir', 'mkdirat'];

export const seccompCases: Case[] = [
  {
    name: 'an errno',
    observe: (box) => {
      profile(box, [{ names: both, action: 'SCMP_ACT_ERRNO' }]);
      return box.run(makeFolder);
    },
    expected: {
      status: 0,
      stdout: '1\n',
      stderr: "mkdir: can't create directory '/tmp/x': Operation not permitted\n",
    },
  },
  {
    name: 'an errno of its own',
    observe: (box) => {
      profile(box, [{ names: both, action: 'SCMP_ACT_ERRNO', errnoRet: 28 }]);
      return box.run(makeFolder).stderr;
    },
    expected: "mkdir: can't create directory '/tmp/x': No space left on device\n",
  },
  {
    name: 'a call that kills',
    observe: (box) => {
      profile(box, [{ names: both, action: 'SCMP_ACT_KILL' }]);
      return answer(box, 'mkdir /tmp/x; echo $?');
    },
    expected: { status: 0, stdout: '159\n' },
  },
  {
    name: 'a call that kills the process',
    observe: (box) => {
      profile(box, [{ names: both, action: 'SCMP_ACT_KILL_PROCESS' }]);
      return answer(box, 'mkdir /tmp/x; echo $?');
    },
    expected: { status: 0, stdout: '159\n' },
  },
  {
    name: 'a call that traps',
    observe: (box) => {
      profile(box, [{ names: both, action: 'SCMP_ACT_TRAP' }]);
      return answer(box, 'mkdir /tmp/x; echo $?');
    },
    expected: { status: 0, stdout: '159\n' },
  },
  {
    name: 'arguments: only the mode that is named',
    observe: (box) => {
      const args = [{ index: 1, value: 0o700, op: 'SCMP_CMP_EQ' }];
      profile(box, [{ names: ['mkdir'], action: 'SCMP_ACT_ERRNO', args }]);
      return answer(box, 'umask 0; mkdir -m 700 /tmp/a 2>/dev/null; mkdir /tmp/b; ls /tmp');
    },
  },
  {
    name: 'masked arguments',
    observe: (box) => {
      // O_CREAT: files can be read, none can be made.
      const args = [{ index: 2, value: 0o100, valueTwo: 0o100, op: 'SCMP_CMP_MASKED_EQ' }];
      const old = [{ index: 1, value: 0o100, valueTwo: 0o100, op: 'SCMP_CMP_MASKED_EQ' }];
      profile(box, [
        { names: ['openat'], action: 'SCMP_ACT_ERRNO', args },
        { names: ['open'], action: 'SCMP_ACT_ERRNO', args: old },
        { names: ['creat', 'utimensat'], action: 'SCMP_ACT_ERRNO' },
      ]);
      return answer(box, 'cat /etc/passwd | head -n1; (echo x > /tmp/x) 2>/dev/null; ls /tmp');
    },
    expected: { status: 0, stdout: 'root:x:0:0:root:/root:/bin/sh\n' },
  },
  {
    name: 'one argument twice: either',
    observe: (box) => {
      const args = [
        { index: 0, value: 15, op: 'SCMP_CMP_EQ' },
        { index: 0, value: 16, op: 'SCMP_CMP_EQ' },
      ];
      profile(box, [{ names: ['prctl'], action: 'SCMP_ACT_ERRNO', args }]);
      return answer(box, 'cat /proc/self/comm');
    },
  },
  {
    name: 'the default is an errno',
    observe: (box) => {
      profile(box, [{ names: allButMkdir, action: 'SCMP_ACT_ALLOW' }], { defaultAction: 'SCMP_ACT_ERRNO' });
      return box.run(makeFolder);
    },
    expected: {
      status: 0,
      stdout: '1\n',
      stderr: "mkdir: can't create directory '/tmp/x': Operation not permitted\n",
    },
  },
  {
    name: 'names of other architectures are passed over',
    observe: (box) => {
      profile(box, [{ names: ['no_such_call', 'socketcall', '_llseek'], action: 'SCMP_ACT_ERRNO' }]);
      return answer(box, 'echo works');
    },
    expected: { status: 0, stdout: 'works\n' },
  },
  {
    name: 'an action that there is not',
    observe: (box) => {
      profile(box, [{ names: both, action: 'SCMP_ACT_NO_SUCH' }]);
      return outcome(box.run('true'));
    },
    expected: 'failed',
  },
  {
    name: 'is inherited, and shows',
    observe: (box) => {
      profile(box, [{ names: both, action: 'SCMP_ACT_ERRNO' }]);
      return answer(
        box,
        'sh -c "mkdir /tmp/x 2>/dev/null || echo refused"; grep ^Seccomp: /proc/self/status',
      );
    },
    expected: { status: 0, stdout: 'refused\nSeccomp:\t2\n' },
  },
  {
    name: 'holds in an exec as well',
    observe: (box) => {
      profile(box, [{ names: both, action: 'SCMP_ACT_ERRNO', errnoRet: 28 }]);
      box.write('sleep 20').create();
      box.start();
      return box.exec('mkdir', '/tmp/x').stderr;
    },
    expected: "mkdir: can't create directory '/tmp/x': No space left on device\n",
  },
  {
    name: 'without no_new_privs',
    observe: (box) => {
      box.config.process.noNewPrivileges = false;
      profile(box, [{ names: both, action: 'SCMP_ACT_ERRNO' }]);
      return answer(box, makeFolder);
    },
    expected: { status: 0, stdout: '1\n' },
  },
];

const allButMkdir =
  'read write open close stat fstat lstat poll lseek mmap mprotect munmap brk rt_sigaction rt_sigprocmask rt_sigreturn ioctl pread64 readv writev access pipe pipe2 sched_yield mremap dup dup2 dup3 nanosleep getpid sendfile socket connect sendto sendmsg recvmsg clone clone3 fork vfork execve execveat exit wait4 kill tgkill uname fcntl getdents getdents64 getcwd chdir fchdir readlink readlinkat umask getuid geteuid getgid getegid getppid getpgrp setpgid getpgid getgroups setgroups setuid setgid setresuid setresgid setreuid setregid getresuid getresgid capget capset sigaltstack statfs fstatfs prctl arch_prctl gettid futex set_tid_address exit_group openat openat2 newfstatat faccessat faccessat2 set_robust_list prlimit64 getrlimit setrlimit getrandom statx close_range epoll_create1 epoll_ctl epoll_pwait eventfd2 fchown fchownat chown unlinkat restart_syscall clock_gettime madvise rseq sysinfo memfd_create'.split(
    ' ',
  );
