/** Containers without an engine: bundles made by the tests, run by crun or runc as they are, or by barchan-runtime over them. */
import { spawn, spawnSync } from 'node:child_process';
import {
  closeSync,
  cpSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestContext } from 'vitest';
import { requires } from '../helpers/skip.js';

export const barchanRuntime = fileURLToPath(new URL('../../build/Release/barchan-runtime', import.meta.url));
export type Flavor = 'crun' | 'runc';

const busybox = '/bin/busybox';
const applets =
  'seq sh ls cat echo sleep true false id mount umount ps kill grep env head wc mkdir touch tr stat readlink mknod test pwd hostname ip chmod chown rm cut sort tail tee dd sync uname chroot ln sed awk printf stty tty umask nproc find setsid ping df';

export function needsRuntime(context: TestContext, name: string): void {
  requires(context, process.getuid?.() === 0, 'needs root');
  requires(context, existsSync('/dev/kvm'), 'there is no /dev/kvm');
  requires(context, existsSync(busybox), 'busybox is not installed (Debian package busybox-static)');
  requires(context, spawnSync(name, ['--version']).status === 0, `${name} is not installed`);
}

export interface Result {
  status: number;
  stdout: string;
  stderr: string;
}

export interface Runtime {
  flavor: Flavor;
  isBarchan: boolean;
  /** The words before a command. */
  words: string[];
  root: string;
}

export function runtimeOf(flavor: Flavor, isBarchan: boolean, root: string): Runtime {
  return { flavor, isBarchan, root, words: [isBarchan ? barchanRuntime : flavor, '--root', root] };
}

/**
 * crun takes no hybrid cgroups (a version-2 hierarchy beside those of version 1): its commands get a mount namespace
 * of their own, without the former. Nobody else notices. It makes groups in the folder all the same: an empty tmpfs takes them.
 */
export const isolate = existsSync('/sys/fs/cgroup/unified')
  ? [
      'unshare',
      '--mount',
      '--propagation',
      'private',
      'sh',
      '-c',
      'umount /sys/fs/cgroup/unified && mount -t tmpfs none /sys/fs/cgroup/unified && exec "$@"',
      'sh',
    ]
  : [];

export interface CallOptions {
  input?: string;
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  /** Descriptors from 3 on. */
  extra?: number[];
  timeoutMs?: number;
}

/** Runs words with output to files, since what they start may keep a pipe open. */
export function call(
  folder: string,
  runtime: Runtime,
  args: readonly string[],
  options: CallOptions = {},
): Result {
  const name = join(folder, `call-${calls++}`);
  const [out, err] = [openSync(`${name}.out`, 'w'), openSync(`${name}.err`, 'w')];
  const words = [...isolate, ...runtime.words, ...args];
  const { status, signal, error } = spawnSync(words[0] as string, words.slice(1), {
    cwd: options.cwd,
    input: options.input ?? '',
    stdio: ['pipe', out, err, ...(options.extra ?? [])],
    env: { ...environment(runtime), ...options.env },
    timeout: options.timeoutMs ?? 30_000,
    killSignal: 'SIGKILL',
  });
  closeSync(out);
  closeSync(err);
  if (error) throw error;
  return {
    status: status ?? (signal === null ? -1 : -2),
    stdout: readFileSync(`${name}.out`, 'utf8'),
    stderr: readFileSync(`${name}.err`, 'utf8'),
  };
}
let calls = 0;

export function environment(runtime: Runtime): NodeJS.ProcessEnv {
  return { PATH: process.env.PATH, BARCHAN_OCI_RUNTIME: runtime.flavor };
}

/** The same, without waiting. */
export function callInBackground(runtime: Runtime, args: readonly string[]) {
  const words = [...isolate, ...runtime.words, ...args];
  return spawn(words[0] as string, words.slice(1), { stdio: 'ignore', env: environment(runtime) });
}

// biome-ignore lint/suspicious/noExplicitAny: a config is what a test makes of it.
export type Config = any;

export function makeRootfs(folder: string): string {
  const rootfs = join(folder, 'rootfs');
  for (const name of ['bin', 'proc', 'sys', 'dev', 'tmp', 'etc', 'mnt', 'data']) {
    mkdirSync(join(rootfs, name), { recursive: true });
  }
  const template = join(tmpdir(), `oci-busybox-${process.pid}`);
  if (!existsSync(template)) writeFileSync(template, readFileSync(busybox), { mode: 0o755 });
  linkSync(template, join(rootfs, 'bin/busybox'));
  for (const name of applets.split(' ')) symlinkSync('busybox', join(rootfs, 'bin', name));
  writeFileSync(
    join(rootfs, 'etc/passwd'),
    'root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/tmp:/bin/sh\n',
  );
  return rootfs;
}

/** Programs of the host with their libraries, and other files of it, at the same places. */
export function copyPrograms(
  rootfs: string,
  programs: readonly string[],
  files: readonly string[] = [],
): void {
  const copy = (path: string) => {
    mkdirSync(join(rootfs, dirname(path)), { recursive: true });
    cpSync(path, join(rootfs, path), { recursive: true, dereference: true });
  };
  const needed = new Set(files);
  for (const program of programs) {
    needed.add(program);
    const { stdout } = spawnSync('ldd', [program], { encoding: 'utf8' });
    for (const [, path] of stdout.matchAll(/(\/\S+) \(0x/g)) needed.add(path as string);
  }
  for (const path of needed) copy(path);
}
export function removeTemplates(): void {
  rmSync(join(tmpdir(), `oci-busybox-${process.pid}`), { force: true });
}

export function baseConfig(): Config {
  const capabilities = ['CAP_KILL', 'CAP_NET_BIND_SERVICE', 'CAP_CHOWN', 'CAP_MKNOD'];
  return {
    ociVersion: '1.0.2',
    process: {
      terminal: false,
      user: { uid: 0, gid: 0 },
      args: ['true'],
      env: ['PATH=/bin', 'TERM=xterm'],
      cwd: '/',
      capabilities: {
        bounding: capabilities,
        effective: capabilities,
        permitted: capabilities,
      },
      rlimits: [{ type: 'RLIMIT_NOFILE', soft: 1024, hard: 1024 }],
      noNewPrivileges: true,
    },
    root: { path: 'rootfs', readonly: false },
    hostname: 'box',
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc' },
      {
        destination: '/dev',
        type: 'tmpfs',
        source: 'tmpfs',
        options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
      },
      {
        destination: '/dev/pts',
        type: 'devpts',
        source: 'devpts',
        options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620'],
      },
      { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', 'ro'] },
    ],
    linux: {
      namespaces: ['pid', 'network', 'ipc', 'uts', 'mount'].map((type) => ({ type })),
      maskedPaths: ['/proc/kcore'],
      readonlyPaths: ['/proc/sys'],
    },
  };
}

const made: Box[] = [];

/** One container of one runtime, with a folder of its own. */
export class Box {
  readonly folder = mkdtempSync(join(tmpdir(), 'oci-box-'));
  readonly runtime: Runtime;
  readonly id = `box-${process.pid}-${made.length}`;
  readonly config: Config = baseConfig();
  #output = '';

  constructor(flavor: Flavor, isBarchan: boolean) {
    this.runtime = runtimeOf(flavor, isBarchan, join(this.folder, 'root'));
    makeRootfs(this.folder);
    made.push(this);
  }

  path(...names: string[]): string {
    return join(this.folder, ...names);
  }

  /** Writes the config; `script` becomes the container's process. */
  write(script?: string): this {
    if (script !== undefined) this.config.process.args = ['sh', '-c', script];
    writeFileSync(this.path('config.json'), JSON.stringify(this.config));
    return this;
  }

  call(args: readonly string[], options?: CallOptions): Result {
    return call(this.folder, this.runtime, args, options);
  }

  create(...more: string[]): Result {
    this.#output = this.path(`call-${calls}.out`);
    return this.call(['create', '--bundle', this.folder, '--pid-file', this.path('pid'), ...more, this.id]);
  }

  start(): Result {
    return this.call(['start', this.id]);
  }

  /** Runs it in the foreground. */
  run(script?: string, options?: CallOptions, ...more: string[]): Result {
    return this.write(script).call(['run', '--bundle', this.folder, ...more, this.id], options);
  }

  exec(...words: string[]): Result {
    return this.call(['exec', this.id, ...words]);
  }

  state(): { status: string; pid: number; id: string; bundle: string } {
    const { status, stdout } = this.call(['state', this.id]);
    if (status !== 0) return { status: `error ${status}`, pid: 0, id: '', bundle: '' };
    return JSON.parse(stdout);
  }

  get pid(): number {
    return Number(readFileSync(this.path('pid'), 'utf8'));
  }

  /** What the created container has written. */
  get output(): string {
    return readFileSync(this.#output, 'utf8');
  }

  async until(done: () => boolean, what: string): Promise<void> {
    const end = Date.now() + 15_000;
    while (!done()) {
      if (Date.now() > end) throw new Error(`${what} did not happen within 15 s`);
      await new Promise((resolve) => setTimeout(resolve, 15));
    }
  }

  untilStopped(): Promise<void> {
    return this.until(() => this.state().status === 'stopped', 'the end of the container');
  }

  untilOutput(text: string): Promise<void> {
    return this.until(() => this.output.includes(text), `output of ${text}`);
  }

  dispose(): void {
    if (!existsSync(this.folder)) return;
    this.call(['delete', '--force', this.id]);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export function disposeAll(): void {
  for (const box of made.splice(0)) box.dispose();
}

export const projectRoot = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** Whether a host process is a guest: it has a vCPU. */
export function hasVcpu(pid: number): boolean {
  const { stdout } = spawnSync('ls', ['-l', `/proc/${pid}/fd`], { encoding: 'utf8' });
  return stdout.includes('anon_inode:kvm-vcpu');
}
