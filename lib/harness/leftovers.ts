/**
 * Folders on the host that runs need, named after the process that made them: should that be killed, the next run finds them and
 * takes away what they stand for. No process that ends in order leaves one.
 */
import { lstatSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';

export type FolderKind = 'canary' | 'runc' | 'crun';

/** Ticks since the boot at which a process began; undefined: there is none of this number. */
function startOf(pid: string): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // A zombie makes nothing any more, and may never be waited for.
    return state === 'Z' || state === 'X' ? undefined : fields[18];
  } catch {
    return undefined;
  }
}

/** Numbers of processes mean something in their own namespace only. */
const pidNamespace = (): string => /\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0] ?? '0';

const folders = new Set<string>();
const ends = new Set<() => void>();
let watched = false;

/** For an exit that waits for nothing, as by a second Ctrl-C. */
function watchExit(): void {
  if (watched) return;
  watched = true;
  process.once('exit', () => {
    for (const end of ends) end();
    // What a container is known by stays for the next run, which can wait for its end.
    for (const folder of folders)
      if (basename(folder).startsWith('barchan-canary-')) rmSync(folder, { recursive: true, force: true });
  });
}

/** Where folders of `kind` lie: those of containers have short names, since runtimes refuse long ones. */
const placeOf = (kind: FolderKind): string => (kind === 'canary' ? tmpdir() : '/tmp');

/** A new folder of this process's, which is for removeFolder(). */
export function makeFolder(kind: FolderKind): string {
  const owner = `${process.pid}-${startOf(String(process.pid))}-${pidNamespace()}`;
  const folder = mkdtempSync(join(placeOf(kind), `barchan-${kind}-${owner}-`));
  watchExit();
  folders.add(folder);
  return folder;
}

export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
  folders.delete(folder);
}

/** Should this process exit before the function that is returned is called, `end` is, which cannot wait for anything. */
export function endAtExit(end: () => void): () => void {
  watchExit();
  ends.add(end);
  return () => ends.delete(end);
}

/** Folders of `kind` whose makers, of this user and this PID namespace, are gone. */
export function abandonedFolders(kind: FolderKind): string[] {
  const parent = placeOf(kind);
  const shape = new RegExp(`^barchan-${kind}-(\\d+)-(\\d+)-(\\d+)-\\w{6}$`);
  const namespace = pidNamespace();
  return readdirSync(parent).flatMap((name) => {
    const [, pid, start, where] = shape.exec(name) ?? [];
    if (pid === undefined || where !== namespace || startOf(pid) === start) return [];
    const folder = join(parent, name);
    try {
      const { uid } = lstatSync(folder);
      return uid === process.geteuid?.() ? [folder] : [];
    } catch {
      return []; // somebody else has just removed it
    }
  });
}

/** Kills whoever runs with one of `settings` ("NAME=value") in its environment, wherever it has gone: a session of its own, another parent. */
export function killByEnvironment(settings: ReadonlySet<string>): void {
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue;
    try {
      const environment = readFileSync(`/proc/${name}/environ`, 'latin1').split('\0');
      if (environment.some((setting) => settings.has(setting))) process.kill(Number(name), 'SIGKILL');
    } catch {} // it has ended, or is another user's
  }
}
