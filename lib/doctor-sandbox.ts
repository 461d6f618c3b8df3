/** Finds out what this machine has for isolation: by making sandboxes, and by asking what would keep each limit. */
import { type SandboxError, toSandboxError } from './errors.js';
import type { IsolationOptions, Weaker } from './isolation.js';
import { type LimitKeeper, type LimitName, type Limits, planLimits } from './limits.js';
import { Sandbox } from './sandbox.js';

export interface SandboxCheck {
  name: 'isolation' | 'landlock' | 'sysfs' | 'overlay' | 'limits';
  ok: boolean;
  /** What was found. */
  found: string;
  /** What to do; only where not ok. */
  remedy?: string;
}

export interface SandboxReport {
  /** Programs can be isolated here: user namespaces, mounts and what else `isolation: 'full'` needs. */
  ok: boolean;
  checks: SandboxCheck[];
  /** What would keep each limit; `none`: nothing here can. */
  limits: Partial<Record<LimitName, LimitKeeper>>;
}

/** There is none of this name, so that everything of a start is done but the program. */
const nothing = '/barchan-doctor/no-such-program';

/** The error of making a sandbox and starting a program in it; undefined where all of it works. */
async function attempt(kvmDevice: string, options: IsolationOptions): Promise<SandboxError | undefined> {
  try {
    await using box = await Sandbox.create({ kvmDevice, cwd: '/', ...options });
    await box.exec([nothing]);
    return undefined;
  } catch (error) {
    const failure = toSandboxError(error, 'Cannot make a sandbox');
    return failure.code === 'ERR_PROGRAM_NOT_FOUND' ? undefined : failure;
  }
}

function failedCheck(name: SandboxCheck['name'], { message, remedy }: SandboxError): SandboxCheck {
  return remedy
    ? { name, ok: false, found: message.slice(0, -remedy.length).trim(), remedy }
    : { name, ok: false, found: message };
}

const samples: { [Name in keyof Limits]: Limits[Name] } = {
  memory: '64m',
  cpus: 1,
  pids: 64,
  io: { read: '1m' },
  cpuMs: 1000,
};

/** Pre: the device can be opened and the monitor runs. */
export async function sandboxReport(kvmDevice: string): Promise<SandboxReport> {
  const checks: SandboxCheck[] = [];
  const allowWeaker: Weaker[] = [];
  let failure = await attempt(kvmDevice, {});
  for (const part of ['sysfs', 'landlock'] as const) {
    if (failure?.step !== part) continue;
    checks.push(failedCheck(part, failure));
    allowWeaker.push(part);
    failure = await attempt(kvmDevice, { allowWeaker });
  }
  checks.push(
    failure
      ? failedCheck('isolation', failure)
      : { name: 'isolation', ok: true, found: 'namespaces, mounts, and no privileges' },
  );
  if (!failure) {
    if (!allowWeaker.includes('landlock'))
      checks.push({ name: 'landlock', ok: true, found: 'restricts files as the mounts do' });
    const overlay = await attempt(kvmDevice, { allowWeaker, rootfs: { directory: '/', writable: 'tmpfs' } });
    checks.push(
      overlay
        ? failedCheck('overlay', overlay)
        : { name: 'overlay', ok: true, found: 'writable layers over a root' },
    );
  }

  const limits: SandboxReport['limits'] = {};
  const context = { allowWeaker: [], hostUid: process.geteuid?.() ?? 0, keepsChanges: false };
  let refused: SandboxError | undefined;
  for (const name of Object.keys(samples) as (keyof typeof samples & LimitName)[]) {
    try {
      Object.assign(limits, planLimits({ [name]: samples[name] }, context).keepers);
    } catch (error) {
      limits[name] = 'none';
      refused ??= toSandboxError(error, `Cannot keep ${name}`);
    }
  }
  const kept = Object.entries(limits).map(([name, keeper]) => `${name}: ${keeper}`);
  checks.push({
    name: 'limits',
    ok: refused === undefined,
    found: kept.join(', '),
    ...(refused?.remedy ? { remedy: refused.remedy } : {}),
  });
  return { ok: failure === undefined, checks, limits };
}
