/** What keeper and supervisor say when the host refuses a step of the set-up, as an error with a remedy. */
import { existsSync, readFileSync } from 'node:fs';
import { errnoText, SandboxError } from './errors.js';

export interface SetupFailure {
  errno: number;
  step: string;
  path?: string;
}

const namespaceRemedy =
  'Run as root, or on a host and in a container that allow namespaces (user_namespaces(7)).';

function setting(name: string): string | undefined {
  try {
    return readFileSync(`/proc/sys/${name}`, 'utf8').trim();
  } catch {
    return undefined;
  }
}

/** Which of the settings that forbid user namespaces is in force here. */
function userNamespaceRemedy(): string {
  if (!existsSync('/proc/self/ns/user'))
    return 'The kernel was built without user namespaces (CONFIG_USER_NS).';
  if (setting('user/max_user_namespaces') === '0')
    return 'They are turned off here: sudo sysctl user.max_user_namespaces=15000';
  if (setting('kernel/unprivileged_userns_clone') === '0')
    return 'They are for root only here: sudo sysctl kernel.unprivileged_userns_clone=1, or run as root.';
  if (setting('kernel/apparmor_restrict_unprivileged_userns') === '1')
    return 'AppArmor restricts them here: sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0, or run as root.';
  return `A container's seccomp profile may forbid them (docker run --security-opt seccomp=...). ${namespaceRemedy}`;
}

/** The steps, what each does, and what to do where it is refused. Their names are stable (docs/errors.md). */
const steps: Record<
  string,
  { does: string; remedy?: string | ((failure: SetupFailure) => string | undefined) }
> = {
  description: {
    does: 'read the description of the sandbox',
    remedy: 'This is a defect of barchan, or its parts are of different versions: build or install again.',
  },
  'user-namespace': { does: 'make a user namespace', remedy: userNamespaceRemedy },
  'id-map': {
    does: 'map the user and group of the sandbox',
    remedy:
      "Without root only this process's own ids can be mapped: leave options.user.hostUid and hostGid out.",
  },
  'mount-namespace': { does: 'make a mount namespace', remedy: namespaceRemedy },
  'network-namespace': { does: 'make a network namespace', remedy: namespaceRemedy },
  'ipc-namespace': { does: 'make an IPC namespace', remedy: namespaceRemedy },
  'uts-namespace': { does: 'make a UTS namespace', remedy: namespaceRemedy },
  'cgroup-namespace': { does: 'make a cgroup namespace', remedy: namespaceRemedy },
  'pid-namespace': { does: 'make a PID namespace', remedy: namespaceRemedy },
  'mount-propagation': {
    does: 'make mounts private',
    remedy: 'It needs Linux 5.12, and / to be a mount point.',
  },
  'user-namespace-limit': { does: 'forbid further user namespaces' },
  user: { does: 'become the user of the sandbox' },
  rootfs: { does: 'show the root folder', remedy: 'Check that the folder is there and can be entered.' },
  'writable-layer': {
    does: 'prepare the folder for changes',
    remedy: 'The user of the sandbox must be able to make folders in it.',
  },
  overlay: {
    does: 'mount an overlay for the writable layer',
    remedy:
      'It needs Linux 5.11 with overlayfs, and a layer on a file system with user.* attributes that is itself no overlay. Leave out "writable" for a read-only root.',
  },
  tmpfs: { does: 'mount a tmpfs' },
  devices: { does: 'provide a device in /dev' },
  sysfs: {
    does: 'mount /sys',
    remedy:
      "Parts of the host's own /sys are hidden, as in a container. allowWeaker: ['sysfs'] leaves /sys empty.",
  },
  proc: {
    does: 'mount /proc',
    remedy:
      "Parts of the host's own /proc are hidden, as in a container: start that one with unmasked paths (docker run --security-opt systempaths=unconfined).",
  },
  mask: { does: 'mask a path of /proc or /sys' },
  mount: {
    does: 'mount',
    remedy: ({ errno }) =>
      errno === 30
        ? 'The target does not exist and cannot be made where the root is read-only: make it, or use a writable layer.'
        : undefined,
  },
  'pivot-root': {
    does: 'enter the new root',
    remedy: 'The host may not run from an initial RAM disk or in a chroot.',
  },
  hostname: { does: 'set the host name' },
  loopback: { does: 'bring the loopback interface up' },
  routes: { does: 'make all addresses of the network its own' },
  capabilities: { does: 'give up capabilities' },
  'no-new-privileges': { does: 'set no_new_privs' },
  rlimits: {
    does: 'set a resource limit',
    remedy: "A hard limit cannot be above this process's own (ulimit -H).",
  },
  landlock: {
    does: 'restrict files by Landlock',
    remedy:
      "The kernel has it from 5.13 on, where it is turned on (lsm=landlock,...). allowWeaker: ['landlock'] does without.",
  },
  join: {
    does: 'enter the sandbox',
    remedy: 'Its keeper may have been ended from outside: create a new sandbox.',
  },
  cgroup: {
    does: 'set the control group of a limit',
    remedy: 'The group that the sandbox is to be made in may have changed, or its own limits are narrower.',
  },
  init: { does: 'start the first process of the PID namespace' },
  process: { does: 'start a process' },
  monitor: { does: 'execute the monitor' },
};

/** EAGAIN, ENOMEM, ENFILE, EMFILE. */
const shortages: ReadonlySet<number> = new Set([11, 12, 23, 24]);

export const setupSteps: readonly string[] = Object.keys(steps);

export function setupError(failure: SetupFailure): SandboxError {
  const { does, remedy } = steps[failure.step] ?? { does: failure.step };
  const about = failure.path === undefined ? '' : ` (${failure.path})`;
  // Nothing is forbidden there, the machine or this process is short of something.
  const short = shortages.has(failure.errno);
  return new SandboxError(
    short ? 'ERR_SYSTEM' : 'ERR_SANDBOX_SETUP',
    `Cannot set the sandbox up: the host refused to ${does}${about}: ${errnoText(failure.errno)}`,
    {
      step: failure.step,
      errno: failure.errno,
      path: failure.path,
      remedy: short ? undefined : typeof remedy === 'function' ? remedy(failure) : remedy,
    },
  );
}
