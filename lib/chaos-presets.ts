/** Rules for common troubles, as a kernel under stress, a full disk or a slow one makes them. */
import type { ChaosRule } from './chaos.js';

export type ChaosPreset = 'eintr' | 'short-io' | 'enomem' | 'enospc' | 'slow';

const streamCalls = [
  'read',
  'readv',
  'write',
  'writev',
  'recvfrom',
  'recvmsg',
  'recvmmsg',
  'sendto',
  'sendmsg',
  'sendmmsg',
  'accept4',
] as const;
const waitingCalls = [
  'wait4',
  'waitid',
  'poll',
  'ppoll',
  'select',
  'pselect6',
  'epoll_pwait',
  'epoll_pwait2',
  'clock_nanosleep',
  'futex',
  'flock',
  'fcntl',
  'msgsnd',
  'msgrcv',
  'mq_timedsend',
  'mq_timedreceive',
] as const;
const writes = ['write', 'pwrite64', 'writev', 'pwritev', 'pwritev2', 'fallocate'] as const;

interface Preset {
  probability: number;
  /** Without their probability. */
  rules: readonly ChaosRule[];
}

export const chaosPresets: Readonly<Record<ChaosPreset, Preset>> = {
  /** Calls that wait are interrupted, as by a signal whose handler has no SA_RESTART. */
  eintr: {
    probability: 0.01,
    rules: [
      { calls: streamCalls, action: 'fail', errno: 'EINTR', on: 'streams' },
      { calls: waitingCalls, action: 'fail', errno: 'EINTR' },
    ],
  },
  /** Reads and writes of files, pipes, terminals and stream sockets move less than asked for. */
  'short-io': {
    probability: 0.1,
    rules: [
      {
        calls: [
          // Not pread64: the dynamic loader takes a short one for a broken file.
          ...(['read', 'readv', 'preadv', 'preadv2', 'recvfrom', 'recvmsg'] as const),
          ...(['write', 'pwrite64', 'writev', 'pwritev', 'pwritev2', 'sendto', 'sendmsg'] as const),
          ...(['sendfile', 'copy_file_range'] as const),
        ],
        action: 'shorten',
      },
    ],
  },
  /** No memory for mappings, the heap, threads and processes. */
  enomem: {
    probability: 0.01,
    rules: [
      {
        calls: ['mmap', 'mremap', 'brk', 'clone', 'clone3', 'fork', 'vfork'],
        action: 'fail',
        errno: 'ENOMEM',
      },
    ],
  },
  /** The disk is full. */
  enospc: {
    probability: 0.05,
    rules: [
      { calls: writes, action: 'fail', errno: 'ENOSPC', on: 'files' },
      { calls: ['mkdirat', 'mknodat', 'symlinkat', 'linkat'], action: 'fail', errno: 'ENOSPC' },
    ],
  },
  /** Files and networks take 20 ms more. */
  slow: {
    probability: 0.1,
    rules: [
      {
        calls: [
          ...streamCalls,
          'openat',
          'newfstatat',
          'pread64',
          'pwrite64',
          'fsync',
          'fdatasync',
          'connect',
        ],
        action: 'delay',
        ms: 20,
      },
    ],
  },
};
