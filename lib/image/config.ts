/** An image's configuration: what docker makes of Env, User, WorkingDir, Entrypoint and Cmd (config.md of the OCI). */
import { type Digest, parseDigest } from './digest.js';
import { invalid, unsupported } from './errors.js';
import { list, object, parseObject, text, texts } from './json.js';

export interface ImageConfig {
  /** "NAME=VALUE" each. */
  env: string[];
  /** Absolute. */
  workingDir: string;
  /** As it stands: "name", "uid", "name:group", "uid:gid" or "". */
  user: string;
  entrypoint: string[];
  cmd: string[];
  labels: Record<string, string>;
}

export interface ParsedConfig {
  config: ImageConfig;
  /** Digests of the layers without compression. */
  diffIds: Digest[];
}

/** Throws ERR_IMAGE_INVALID or ERR_IMAGE_UNSUPPORTED. */
export function parseConfig(bytes: Buffer): ParsedConfig {
  const what = 'its configuration';
  const json = parseObject(bytes, what);
  const { os, architecture } = json;
  if ((os !== undefined && os !== 'linux') || (architecture !== undefined && architecture !== 'amd64')) {
    throw unsupported(
      `it is for ${String(os)}/${String(architecture)}`,
      'Only linux/amd64 runs here: fetch that with docker pull --platform linux/amd64.',
    );
  }
  const given = json.config === undefined || json.config === null ? {} : object(json.config, what);
  const workingDir = text(given.WorkingDir, what) || '/';
  if (workingDir.length > 4095) throw invalid('its working directory is too long');
  const labels = given.Labels === undefined || given.Labels === null ? {} : object(given.Labels, what);
  const diffIds = list(object(json.rootfs, `${what}'s rootfs`).diff_ids, what).map(parseDigest);
  return {
    config: {
      env: texts(given.Env, what).filter((entry) => entry.indexOf('=') > 0),
      workingDir: workingDir.startsWith('/') ? workingDir : `/${workingDir}`,
      user: text(given.User, what),
      entrypoint: words(given.Entrypoint, what),
      cmd: words(given.Cmd, what),
      labels: Object.fromEntries(Object.entries(labels).map(([name, value]) => [name, text(value, what)])),
    },
    diffIds,
  };
}

/** docker's oldest images have one string here. */
const words = (value: unknown, what: string): string[] =>
  typeof value === 'string' ? [text(value, what)] : texts(value, what);

interface Account {
  name: string;
  id: number;
  /** Of a user: the main group and home. */
  gid: number;
  home: string;
}

/** /etc/passwd or /etc/group; lines that are malformed are passed over, as by the C library. */
function accounts(content: string): Account[] {
  return content.split('\n').flatMap((line) => {
    const [name, , id, gid = '', , home = ''] = line.split(':');
    if (!name || !id || !/^\d{1,10}$/.test(id)) return [];
    return [{ name, id: Number(id), gid: /^\d{1,10}$/.test(gid) ? Number(gid) : 0, home }];
  });
}

const greatestId = 2 ** 32 - 2;

function number(word: string): number | undefined {
  return /^\d{1,10}$/.test(word) && Number(word) <= greatestId ? Number(word) : undefined;
}

/**
 * Who `user`, of an image's configuration, is: names before numbers, as docker does; without a group, the user's own.
 * Throws ERR_IMAGE_INVALID for a name that the image does not have.
 */
export function resolveUser(user: string, passwd: string, group: string): { uid: number; gid: number } {
  const [userWord = '', groupWord = ''] = user.split(':', 2);
  const users = accounts(passwd);
  const wanted = userWord === '' ? '0' : userWord;
  const account = users.find(({ name }) => name === wanted) ?? users.find(({ id }) => id === number(wanted));
  const uid = account?.id ?? number(wanted);
  if (uid === undefined || uid > greatestId)
    throw invalid(`it is to run as the user ${JSON.stringify(userWord)}, whom it does not have`);
  if (groupWord === '') return { uid, gid: account?.gid ?? 0 };
  const gid = accounts(group).find(({ name }) => name === groupWord)?.id ?? number(groupWord);
  if (gid === undefined || gid > greatestId)
    throw invalid(`it is to run as the group ${JSON.stringify(groupWord)}, which it does not have`);
  return { uid, gid };
}

/** The environment of a program, as docker gives it. */
export function imageEnv(config: ImageConfig, uid: number, passwd: string): Record<string, string> {
  const env: Record<string, string> = {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    HOME: accounts(passwd).find(({ id }) => id === uid)?.home || '/',
  };
  for (const entry of config.env) {
    const equals = entry.indexOf('=');
    env[entry.slice(0, equals)] = entry.slice(equals + 1);
  }
  return env;
}
