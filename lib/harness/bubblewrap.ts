/** bubblewrap as its manual shows it: every namespace, the host's files to read only, no capabilities; it brings no seccomp filter. */
import { type Assault, type Isolation, limitPairs, notForPeers, versionOf } from './isolation.js';
import { inside, runOutside, searchPath } from './outside.js';

function commandLine({ attack, program, told }: Assault): [string, ...string[]] {
  const tmpfs = (path: string, bytes?: number): string[] => [
    ...(bytes ? ['--size', String(bytes)] : []),
    ...['--tmpfs', path],
  ];
  const limits = limitPairs(attack.options.rlimits ?? {}).map(
    ({ name, soft, hard }) => `--${name}=${soft}:${hard}`,
  );
  return [
    ...([
      'bwrap',
      '--unshare-all',
      '--cap-drop',
      'ALL',
      '--die-with-parent',
      '--new-session',
      '--ro-bind',
      '/',
      '/',
    ] as const),
    ...['--dev', '/dev', '--proc', '/proc', ...tmpfs('/tmp', attack.options.scratchBytes)],
    ...[...tmpfs('/run'), ...tmpfs('/var/tmp'), '--ro-bind', program, inside, '--chdir', '/', '--clearenv'],
    ...Object.entries({ PATH: searchPath, ...told }).flatMap(([name, value]) => ['--setenv', name, value]),
    ...(limits.length > 0 ? ['prlimit', ...limits, '--'] : []),
    inside,
  ];
}

export function bubblewrap(): Isolation {
  const version = versionOf('bwrap');
  return {
    name: 'bwrap',
    version,
    missing: version === undefined ? 'bwrap is not here (package bubblewrap)' : undefined,
    passesOver: notForPeers,
    permits: () => [],
    couldNotStart: ({ stderr }) => stderr.startsWith('bwrap:'),
    run: (assault) => {
      const command = { argv: commandLine(assault), env: process.env, wraps: true };
      return runOutside(assault.attack, assault.told, command, assault.signal);
    },
  };
}
