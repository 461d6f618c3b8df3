/** The options of `run` and `trace` that ask for a sandbox; without any of them a program runs as a plain process. */
import { defaultEnv, type IsolationOptions, type Mount, type Rlimits } from '../isolation.js';
import type { Limits } from '../limits.js';
import { parseImage } from './image-run.js';
import { usageError } from './usage.js';

export const isolationFlags = {
  sandbox: { type: 'boolean' },
  rootfs: { type: 'string' },
  image: { type: 'string' },
  'image-cache': { type: 'string' },
  writable: { type: 'string' },
  mount: { type: 'string', multiple: true },
  tmpfs: { type: 'string', multiple: true },
  net: { type: 'string' },
  hostname: { type: 'string' },
  user: { type: 'string' },
  rlimit: { type: 'string', multiple: true },
  limit: { type: 'string', multiple: true },
  'allow-weaker': { type: 'string', multiple: true },
} as const;

export interface IsolationValues {
  sandbox?: boolean;
  rootfs?: string;
  image?: string;
  'image-cache'?: string;
  writable?: string;
  mount?: string[];
  tmpfs?: string[];
  net?: string;
  hostname?: string;
  user?: string;
  rlimit?: string[];
  limit?: string[];
  'allow-weaker'?: string[];
}

const units: Record<string, number> = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

function parseMount(text: string): Mount | undefined {
  const [source, target, ...flags] = text.split(':');
  if (!source || !target || flags.some((flag) => !['ro', 'rw', 'noexec'].includes(flag))) return undefined;
  return { source, target, readOnly: !flags.includes('rw'), noExec: flags.includes('noexec') };
}

function parseTmpfs(text: string): Mount | undefined {
  const [, tmpfs, count, unit = ''] = /^([^:]+)(?::(\d+)([kmg]?))?$/i.exec(text) ?? [];
  if (tmpfs === undefined) return undefined;
  return count === undefined
    ? { tmpfs }
    : { tmpfs, sizeBytes: Number(count) * (units[unit.toLowerCase()] ?? 1) };
}

function parseUser(text: string): IsolationOptions['user'] {
  const [, uid, gid] = /^(\d+):(\d+)$/.exec(text) ?? [];
  return uid === undefined ? undefined : { uid: Number(uid), gid: Number(gid) };
}

/** NAME=VALUE, or io.PART=VALUE. */
function parseSandboxLimit(
  text: string,
): [name: string, part: string | undefined, value: string | number] | undefined {
  const [, name, part, value] = /^(\w+)(?:\.(\w+))?=(.+)$/.exec(text) ?? [];
  if (name === undefined || value === undefined || (part !== undefined && name !== 'io')) return undefined;
  return [name, part, /^\d+(\.\d+)?$/.test(value) ? Number(value) : value];
}

function collectLimits(parsed: readonly [string, string | undefined, string | number][]): Limits {
  const limits: Record<string, unknown> = {};
  for (const [name, part, value] of parsed) {
    if (part === undefined) limits[name] = value;
    else limits[name] = { ...(typeof limits[name] === 'object' ? limits[name] : {}), [part]: value };
  }
  return limits;
}

function parseLimit(text: string): Rlimits | undefined {
  const [, name, soft, hard] = /^(\w+)=(\d+|unlimited)(?::(\d+|unlimited))?$/.exec(text) ?? [];
  if (name === undefined || soft === undefined) return undefined;
  const value = (word: string): number | 'unlimited' => (word === 'unlimited' ? word : Number(word));
  return { [name]: { soft: value(soft), hard: value(hard ?? soft) } };
}

function rootfs(verb: string, values: IsolationValues): IsolationOptions['rootfs'] {
  const { writable: word, image, 'image-cache': cache } = values;
  const writable =
    word === undefined ? undefined : word === 'none' ? false : word === 'tmpfs' ? word : { directory: word };
  const hint = `Try: barchan help ${verb}`;
  if (image !== undefined) {
    if (values.rootfs !== undefined) usageError(`${verb}: --image and --rootfs exclude one another`, hint);
    return { image: { ...parseImage(image), cache }, writable };
  }
  if (cache !== undefined) usageError(`${verb}: --image-cache needs --image`, hint);
  if (values.rootfs === undefined && writable === undefined) return 'host';
  return { directory: values.rootfs ?? '/', writable: writable ?? false };
}

/** undefined: no sandbox is asked for. Wrong values that have the right form are left to Sandbox.create(). */
export function isolationOptions(verb: string, values: IsolationValues): IsolationOptions | undefined {
  const asked = Object.keys(isolationFlags).some(
    (name) => values[name as keyof IsolationValues] !== undefined,
  );
  if (!asked) return undefined;
  const parse = <T>(name: string, form: string, text: string, parser: (text: string) => T | undefined): T =>
    parser(text) ??
    usageError(
      `${verb}: --${name} must be ${form}, not ${JSON.stringify(text)}`,
      `Try: barchan help ${verb}`,
    );
  return {
    isolation: 'full',
    rootfs: rootfs(verb, values),
    mounts: [
      ...(values.mount ?? []).map((text) =>
        parse('mount', 'SOURCE:TARGET[:ro|rw][:noexec]', text, parseMount),
      ),
      ...(values.tmpfs ?? []).map((text) => parse('tmpfs', 'TARGET[:SIZE[k|m|g]]', text, parseTmpfs)),
    ],
    network: values.net as IsolationOptions['network'],
    hostname: values.hostname,
    user: values.user === undefined ? undefined : parse('user', 'UID:GID', values.user, parseUser),
    rlimits: Object.assign(
      {},
      ...(values.rlimit ?? []).map((text) => parse('rlimit', 'NAME=SOFT[:HARD]', text, parseLimit)),
    ),
    limits:
      values.limit === undefined
        ? undefined
        : collectLimits(
            values.limit.map((text) =>
              parse('limit', 'NAME=VALUE, like memory=256m', text, parseSandboxLimit),
            ),
          ),
    allowWeaker: values['allow-weaker'] as IsolationOptions['allowWeaker'],
  };
}

/** What a program in a sandbox is given when the command line does not say more. */
export function sandboxEnv(): NodeJS.ProcessEnv {
  return { ...defaultEnv(), TERM: process.env.TERM };
}
