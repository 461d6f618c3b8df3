/** What faults can be injected into which calls: the lists of native/monitor/chaos/calls.def, which a test compares. */
import type { SyscallName } from './syscalls.js';

/** They do not come back, or are no calls of the program's own. */
export const neverInjected: readonly SyscallName[] = [
  'exit',
  'exit_group',
  'rt_sigreturn',
  'restart_syscall',
];

/** Linux gives no error, and C libraries look for none. */
export const cannotFail: readonly SyscallName[] = [
  'alarm',
  'getegid',
  'geteuid',
  'getgid',
  'getpid',
  'getppid',
  'gettid',
  'getuid',
  'sched_yield',
  'set_tid_address',
  'setfsgid',
  'setfsuid',
  'umask',
];

/** Where Linux gives EINTR, the call has had its effect. */
export const notInterrupted: readonly SyscallName[] = ['close', 'connect', 'dup2', 'dup3'];

export const shortenable: readonly SyscallName[] = [
  'read',
  'pread64',
  'recvfrom',
  'readv',
  'preadv',
  'preadv2',
  'recvmsg',
  'write',
  'pwrite64',
  'sendto',
  'sendfile',
  'writev',
  'pwritev',
  'pwritev2',
  'sendmsg',
  'copy_file_range',
  'recvmmsg',
  'sendmmsg',
  'epoll_pwait',
  'epoll_pwait2',
];

/** Names of first arguments that are descriptors. */
export const descriptorArguments: readonly string[] = [
  'fd',
  'sockfd',
  'oldfd',
  'out_fd',
  'fd_in',
  'epfd',
  'mqdes',
  'pidfd',
  'ruleset_fd',
];
