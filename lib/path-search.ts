/** Finds a program as execvp(3) does, in the environment and working directory that the guest will have. */
import { accessSync, constants, statSync } from 'node:fs';
import { join } from 'node:path';
import { SandboxError } from './errors.js';

// What the C library takes when PATH is not set at all (confstr _CS_PATH).
const defaultPath = '/bin:/usr/bin';

type Verdict = 'found' | 'missing' | 'refused' | 'directory';

function judge(path: string): Verdict {
  try {
    if (statSync(path).isDirectory()) return 'directory';
    accessSync(path, constants.X_OK);
    return 'found';
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' || code === 'ENOTDIR' ? 'missing' : 'refused';
  }
}

function notExecutable(path: string, verdict: Verdict): SandboxError {
  const why = verdict === 'directory' ? 'it is a directory' : 'permission denied';
  return new SandboxError('ERR_PROGRAM_NOT_EXECUTABLE', `Cannot run ${path}: ${why}`, {
    path,
    errno: 13,
    remedy:
      verdict === 'directory'
        ? undefined
        : 'Check that the file has an x bit and every folder above it can be entered.',
  });
}

/**
 * Returns the path to start, relative to `cwd` (default: this process's, which may have been removed) where the
 * name or the PATH entry is. Throws ERR_PROGRAM_NOT_FOUND or ERR_PROGRAM_NOT_EXECUTABLE.
 */
export function findProgram(name: string, env: NodeJS.ProcessEnv, cwd?: string): string {
  const here = (path: string): string => (path.startsWith('/') || cwd === undefined ? path : join(cwd, path));
  if (name.includes('/')) {
    const verdict = judge(here(name));
    if (verdict === 'found') return name;
    if (verdict !== 'missing') throw notExecutable(name, verdict);
    throw new SandboxError('ERR_PROGRAM_NOT_FOUND', `Cannot run ${name}: there is no such file`, {
      path: name,
      errno: 2,
    });
  }
  const path = env.PATH ?? defaultPath;
  let refused: [string, Verdict] | undefined;
  for (const folder of name === '' ? [] : path.split(':')) {
    const candidate = folder === '' ? name : `${folder.replace(/\/$/, '')}/${name}`;
    const verdict = judge(here(candidate));
    if (verdict === 'found') return candidate;
    if (verdict !== 'missing') refused ??= [candidate, verdict];
  }
  if (refused) throw notExecutable(...refused);
  throw new SandboxError('ERR_PROGRAM_NOT_FOUND', `Cannot run ${JSON.stringify(name)}: it is not in PATH`, {
    path: name,
    errno: 2,
    remedy: `Give the program's path, or set PATH (now ${JSON.stringify(path)}).`,
  });
}
