/** The isolations that the corpus is run against: barchan's profiles, none at all, and what else there is on this machine. */
import type { SandboxOptions } from '../options.js';
import { type PolicyProfile, policyProfiles } from '../policy-profiles.js';
import { version } from '../version.js';
import { runInSandbox, runNatively } from './attack.js';
import { bubblewrap } from './bubblewrap.js';
import { type ContainerEngine, container } from './container.js';
import type { Isolation } from './isolation.js';
import type { Attack } from './metadata.js';

export const isolationNames = [
  'native',
  'bwrap',
  'runc',
  'crun',
  ...policyProfiles.map((profile) => `barchan:${profile}`),
];

/**
 * The options of `attack` in a sandbox with everything, under `profile`: what it was made to be stopped by stays as far as it is
 * not the profile.
 */
export function optionsUnder(attack: Attack, profile: PolicyProfile): SandboxOptions {
  const { policy, isolation: _, ...others } = attack.options;
  const rules = typeof policy === 'object' && 'profile' in policy ? { ...policy, profile } : profile;
  return { ...others, policy: rules };
}

const asRoot = (): boolean => process.getuid?.() === 0;

function barchan(profile: PolicyProfile): Isolation {
  return {
    name: `barchan:${profile}`,
    version,
    missing: undefined,
    passesOver: (attack) =>
      attack.injected && !asRoot() ? 'to take a monitor over needs root, as a debugger' : undefined,
    permits: (attack) => attack.permits[profile] ?? [],
    // What barchan cannot start rejects.
    couldNotStart: () => false,
    run: ({ attack, program, told, injector, signal }) =>
      runInSandbox(attack, program, optionsUnder(attack, profile), told, injector, signal),
  };
}

const native: Isolation = {
  name: 'native',
  version: undefined,
  missing: undefined,
  passesOver: ({ control }) =>
    control.kind === 'native' ? undefined : 'without isolation it is not safe, or means nothing',
  permits: () => [],
  couldNotStart: () => false,
  run: ({ attack, program, told, signal }) => runNatively(attack, program, told, signal),
};

/** Isolations by their names; `barchan` alone is its profile `default`. Undefined: there is none of this name. */
export function isolation(name: string): Isolation | undefined {
  if (name === 'native') return native;
  if (name === 'bwrap') return bubblewrap();
  if (name === 'runc' || name === 'crun') return container(name satisfies ContainerEngine);
  const [kind, profile = 'default'] = name.split(':');
  if (kind !== 'barchan' || !(policyProfiles as readonly string[]).includes(profile)) return undefined;
  return barchan(profile as PolicyProfile);
}
