/** Engines that the tests start for themselves, apart from any that the machine has. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { barchanRuntime, copyPrograms, isolate, makeRootfs, type Result } from './bed.js';

/** An engine: `words` come before each of its commands. */
export abstract class Engine {
  readonly folder = mkdtempSync(join(tmpdir(), 'oci-engine-'));
  #daemon: ChildProcess | undefined;
  abstract readonly name: string;
  abstract readonly words: readonly string[];
  /** The runtimes' names in this engine: the plain one, and Barchan over the same. */
  abstract readonly runtimes: { plain: string; barchan: string };

  /** Why it cannot be used here, or undefined. */
  abstract start(): Promise<string | undefined>;
  abstract importImage(rootfs: string, image: string): void;
  /** The words of a command that runs a container. */
  abstract run(
    runtime: string,
    options: readonly string[],
    image: string,
    command: readonly string[],
  ): string[];

  get env(): NodeJS.ProcessEnv {
    return { PATH: process.env.PATH, HOME: this.folder, BARCHAN_OCI_RUNTIME: 'runc' };
  }

  call(args: readonly string[], input?: string, timeoutMs = 60_000): Result {
    const words = [...this.words, ...args];
    const { status, stdout, stderr, error } = spawnSync(words[0] as string, words.slice(1), {
      env: this.env,
      cwd: this.folder, // conmon leaves files where it is
      encoding: 'utf8',
      input: input ?? '',
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
    });
    if (error) throw error;
    return { status: status ?? -1, stdout, stderr };
  }

  runImage(runtime: string, options: readonly string[], image: string, ...command: string[]): Result {
    return this.call(this.run(runtime, options, image, command));
  }

  protected async startDaemon(
    words: readonly string[],
    probe: readonly string[],
  ): Promise<string | undefined> {
    const log = join(this.folder, 'log');
    const all = [...isolate, 'sh', '-c', 'exec "$@" >"$0" 2>&1', log, ...words];
    const daemon = spawn(all[0] as string, all.slice(1), { stdio: 'ignore', env: this.env });
    this.#daemon = daemon;
    for (const end = Date.now() + 40_000; Date.now() < end && daemon.exitCode === null; ) {
      if (this.call(probe, undefined, 10_000).status === 0) return undefined;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    return `${words[0]} does not start here: ${readFileSync(log, 'utf8').trim().split('\n').at(-1)}`;
  }

  async stop(): Promise<void> {
    const daemon = this.#daemon;
    if (daemon && daemon.exitCode === null) {
      daemon.kill('SIGTERM');
      await new Promise((resolve) => daemon.once('close', resolve));
    }
    spawnSync('sh', [
      '-c',
      'grep -o " $1/[^ ]*" /proc/self/mounts | sort -r | xargs -r umount -l',
      'sh',
      this.folder,
    ]);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export class Docker extends Engine {
  readonly name = 'docker';
  readonly words = ['docker', '--host', `unix://${this.folder}/socket`];
  readonly runtimes = { plain: 'runc', barchan: 'barchan' };

  start(): Promise<string | undefined> {
    const settings = {
      runtimes: { barchan: { path: barchanRuntime } },
      hosts: [`unix://${this.folder}/socket`],
      pidfile: join(this.folder, 'pid'),
      'data-root': join(this.folder, 'data'),
      'exec-root': join(this.folder, 'exec'),
      bip: '172.31.250.1/24',
    };
    writeFileSync(join(this.folder, 'daemon.json'), JSON.stringify(settings));
    return this.startDaemon(['dockerd', '--config-file', join(this.folder, 'daemon.json')], ['info']);
  }

  importImage(rootfs: string, image: string): void {
    const command = `tar -C '${rootfs}' -c . | ${this.words.join(' ')} import - ${image}`;
    const { status, stderr } = spawnSync('sh', ['-c', command], { env: this.env, encoding: 'utf8' });
    if (status !== 0) throw new Error(stderr);
  }

  run(runtime: string, options: readonly string[], image: string, command: readonly string[]): string[] {
    return ['run', '--runtime', runtime, ...options, image, ...command];
  }
}

export class Podman extends Engine {
  readonly name = 'podman';
  readonly runtimes = { plain: 'runc', barchan: barchanRuntime };
  /** Holds the mount namespace that all its commands share: containers' mounts are made in it. */
  #holder: ChildProcess | undefined;

  get words(): readonly string[] {
    return [
      ...(this.#holder ? ['nsenter', `--mount=/proc/${this.#holder.pid}/ns/mnt`] : []),
      'podman',
      ...['--root', join(this.folder, 'data'), '--runroot', join(this.folder, 'run')],
      ...['--storage-driver', 'vfs', '--cgroup-manager', 'cgroupfs', '--events-backend', 'file'],
      ...['--tmpdir', join(this.folder, 'tmp'), '--network-backend', 'netavark'],
    ];
  }

  async start(): Promise<string | undefined> {
    if (isolate.length > 0) {
      const words = [...isolate, 'sh', '-c', 'echo ready; exec sleep 3600'];
      const holder = spawn(words[0] as string, words.slice(1), { stdio: ['ignore', 'pipe', 'ignore'] });
      await once(holder.stdout, 'data');
      this.#holder = holder;
    }
    const { status, stderr } = this.call(['info']);
    return status === 0 ? undefined : `podman does not work here: ${stderr.trim().split('\n').at(-1)}`;
  }

  override async stop(): Promise<void> {
    this.call(['rm', '--all', '--force', '--time', '0']);
    this.#holder?.kill();
    await super.stop();
  }

  importImage(rootfs: string, image: string): void {
    const archive = join(this.folder, 'image.tar');
    spawnSync('tar', ['-C', rootfs, '-cf', archive, '.']);
    const { status, stderr } = this.call(['import', archive, image]);
    rmSync(archive);
    if (status !== 0) throw new Error(stderr);
  }

  run(runtime: string, options: readonly string[], image: string, command: readonly string[]): string[] {
    // Podman asks for more than a process without CAP_SYS_RESOURCE may give.
    const limits = ['--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=4096:4096'];
    return ['--runtime', runtime, 'run', ...limits, ...options, image, ...command];
  }
}

export class Containerd extends Engine {
  readonly name = 'containerd';
  readonly words = ['ctr', '--address', join(this.folder, 'socket')];
  readonly runtimes = { plain: '/usr/sbin/runc', barchan: barchanRuntime };
  readonly lastId = `box-${process.pid}`;
  /** Containers are named by their number. */
  runs = 0;

  start(): Promise<string | undefined> {
    const lines = [
      'version = 2',
      `root = "${this.folder}/data"`,
      `state = "${this.folder}/state"`,
      'disabled_plugins = ["io.containerd.grpc.v1.cri"]',
      `[grpc]\naddress = "${this.folder}/socket"`,
    ];
    writeFileSync(join(this.folder, 'config.toml'), `${lines.join('\n')}\n`);
    return this.startDaemon(['containerd', '--config', join(this.folder, 'config.toml')], ['version']);
  }

  importImage(rootfs: string, image: string): void {
    const archive = writeArchive(this.folder, rootfs, image);
    const { status, stderr } = this.call(['image', 'import', '--snapshotter', 'native', archive]);
    if (status !== 0) throw new Error(stderr);
  }

  run(runtime: string, options: readonly string[], image: string, command: readonly string[]): string[] {
    const id = `${this.lastId}-${++this.runs}`;
    return ['run', '--snapshotter', 'native', '--runc-binary', runtime, ...options, image, id, ...command];
  }
}

/** An image of one layer in OCI's layout (image-spec, image-layout.md), as a tar file. */
function writeArchive(folder: string, rootfs: string, image: string): string {
  const layout = join(folder, 'layout');
  mkdirSync(join(layout, 'blobs/sha256'), { recursive: true });
  const put = (bytes: Buffer, mediaType: string) => {
    const digest = createHash('sha256').update(bytes).digest('hex');
    writeFileSync(join(layout, 'blobs/sha256', digest), bytes);
    return { mediaType, digest: `sha256:${digest}`, size: bytes.length };
  };
  const json = (value: object) => Buffer.from(JSON.stringify(value));
  const type = 'application/vnd.oci.image';
  const { stdout } = spawnSync('tar', ['-C', rootfs, '-c', '.'], { maxBuffer: 1 << 30 });
  const layer = put(stdout, `${type}.layer.v1.tar`);
  const config = put(
    json({
      architecture: 'amd64',
      os: 'linux',
      config: { Env: ['PATH=/bin'] },
      rootfs: { type: 'layers', diff_ids: [layer.digest] },
    }),
    `${type}.config.v1+json`,
  );
  const manifest = put(json({ schemaVersion: 2, config, layers: [layer] }), `${type}.manifest.v1+json`);
  const annotations = { 'io.containerd.image.name': image };
  writeFileSync(
    join(layout, 'index.json'),
    json({ schemaVersion: 2, manifests: [{ ...manifest, annotations }] }),
  );
  writeFileSync(join(layout, 'oci-layout'), json({ imageLayoutVersion: '1.0.0' }));
  spawnSync('tar', ['-C', layout, '-cf', join(folder, 'image.tar'), '.']);
  return join(folder, 'image.tar');
}

/** A root with busybox; `programs` of the host with their libraries, and other files of it. */
export function makeImageRoot(
  folder: string,
  programs: readonly string[] = [],
  files: readonly string[] = [],
): string {
  const rootfs = makeRootfs(folder);
  chmodSync(join(rootfs, 'tmp'), 0o1777);
  writeFileSync(join(rootfs, 'etc/group'), 'root:x:0:\nuser:x:1000:\n');
  copyPrograms(rootfs, programs, files);
  return rootfs;
}
