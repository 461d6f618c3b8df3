/** What each container engine must be told so that it knows a runtime named `barchan`: pure text, no files touched. */

export type EngineName = 'docker' | 'podman' | 'containerd' | 'cri-o';
export const engineNames: readonly EngineName[] = ['docker', 'podman', 'containerd', 'cri-o'];

export interface EngineFile {
  /** Where the engine looks for it. */
  path: string;
  /** What makes the engine read it again. */
  reload: string;
  /** The file's text with the runtime in it; `old`: undefined when there is no file. Throws Error on text it cannot read. */
  add(old: string | undefined, runtime: string): string;
  /** The text without it; undefined: the file is to be removed. */
  remove(old: string): string | undefined;
}

const begin = '# begin: written by barchan install';
const end = '# end: written by barchan install';

/** A file of its own, in a folder that the engine reads. */
function ownFile(path: string, reload: string, text: (runtime: string) => string): EngineFile {
  return { path, reload, add: (_, runtime) => text(runtime), remove: () => undefined };
}

function parse(text: string): Record<string, unknown> {
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Error('it is not an object');
  return value as Record<string, unknown>;
}

const print = (value: object) => `${JSON.stringify(value, undefined, 2)}\n`;

const docker: EngineFile = {
  path: '/etc/docker/daemon.json',
  reload: 'systemctl reload docker',
  add: (old, runtime) => {
    const settings = old?.trim() ? parse(old) : {};
    const runtimes = (settings.runtimes ?? {}) as Record<string, unknown>;
    return print({ ...settings, runtimes: { ...runtimes, barchan: { path: runtime } } });
  },
  remove: (old) => {
    const settings = parse(old);
    const runtimes = { ...(settings.runtimes as Record<string, unknown> | undefined) };
    if (!('barchan' in runtimes)) return old;
    delete runtimes.barchan;
    const rest: Record<string, unknown> = { ...settings, runtimes };
    if (Object.keys(runtimes).length === 0) delete rest.runtimes;
    return Object.keys(rest).length === 0 ? undefined : print(rest);
  },
};

function withoutBlock(text: string): string {
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  return from < 0 || to < from ? text : text.slice(0, from) + text.slice(to + end.length).replace(/^\n/, '');
}

const containerd: EngineFile = {
  path: '/etc/containerd/config.toml',
  reload: 'systemctl restart containerd',
  add: (old, runtime) => {
    const rest = withoutBlock(old ?? 'version = 2\n');
    const version = /^\s*version\s*=\s*(\d+)/m.exec(rest)?.[1] ?? '1';
    if (version === '1') throw new Error('its version is 1; containerd config migrate makes it newer');
    const plugin = version === '2' ? 'io.containerd.grpc.v1.cri' : 'io.containerd.cri.v1.runtime';
    if (/^\s*\[plugins\..*runtimes\.barchan\]/m.test(rest))
      throw new Error('it has a runtime barchan already');
    const table = `plugins."${plugin}".containerd.runtimes.barchan`;
    const block = [
      begin,
      `[${table}]`,
      '  runtime_type = "io.containerd.runc.v2"',
      '  pod_annotations = ["dev.barchan.*"]',
      `[${table}.options]`,
      `  BinaryName = ${JSON.stringify(runtime)}`,
      end,
    ];
    return `${rest.replace(/\n*$/, '\n')}${block.join('\n')}\n`;
  },
  remove: (old) => {
    const rest = withoutBlock(old);
    return rest.trim() === 'version = 2' ? undefined : rest;
  },
};

export const engineFiles: Record<EngineName, EngineFile> = {
  docker,
  containerd,
  podman: ownFile(
    '/etc/containers/containers.conf.d/50-barchan.conf',
    'none: the next podman reads it',
    (runtime) => `[engine.runtimes]\nbarchan = [${JSON.stringify(runtime)}]\n`,
  ),
  'cri-o': ownFile(
    '/etc/crio/crio.conf.d/50-barchan.conf',
    'systemctl restart crio',
    (runtime) =>
      `[crio.runtime.runtimes.barchan]\nruntime_path = ${JSON.stringify(runtime)}\nruntime_type = "oci"\nruntime_root = "/run/barchan"\nallowed_annotations = ["dev.barchan.policy"]\n`,
  ),
};
