/**
 * What a container does under crun or runc it does under barchan-runtime over them: each case is run by both, and what it
 * observes must be equal, and what is expected of any runtime.
 */
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { Box, disposeAll, type Flavor, needsRuntime, removeTemplates } from './bed.js';
import { cgroupCases } from './cases/cgroups.js';
import { commandCases } from './cases/commands.js';
import { hookCases } from './cases/hooks.js';
import { mountCases } from './cases/mounts.js';
import { namespaceCases } from './cases/namespaces.js';
import { processCases } from './cases/process.js';
import { seccompCases } from './cases/seccomp.js';
import { stateCases } from './cases/states.js';

const suites = {
  states: stateCases,
  commands: commandCases,
  hooks: hookCases,
  mounts: mountCases,
  process: processCases,
  namespaces: namespaceCases,
  cgroups: cgroupCases,
  seccomp: seccompCases,
};

export function compareWith(flavor: Flavor): void {
  afterEach(disposeAll);
  afterAll(removeTemplates);
  for (const [suite, cases] of Object.entries(suites)) {
    describe(suite, () => {
      for (const { name, observe, expected } of cases) {
        it(name, async (context) => {
          needsRuntime(context, flavor);
          const plain = await observe(new Box(flavor, false));
          if (expected !== undefined) expect(plain).toEqual(expected);
          else expect(plain).toBeDefined();
          expect(await observe(new Box(flavor, true))).toEqual(plain);
        });
      }
    });
  }
}
