/**
 * What a container does under crun or runc it does under barchan-runtime over them: each case is run by both, and what it
 * observes must be equal, and what is expected of any runtime.
 */
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { needsProgram, requires } from '../../helpers/skip.js';
import { Box, disposeAll, type Flavor, needsRuntime, removeTemplates } from '../bed.js';
import type { Case } from './case.js';

const flavors: readonly Flavor[] = ['crun', 'runc'];

export function compare(cases: readonly Case[]): void {
  afterEach(disposeAll);
  afterAll(removeTemplates);
  describe.each(flavors)('%s', (flavor) => {
    for (const { name, observe, expected, needs, not } of cases) {
      it(name, async (context) => {
        needsRuntime(context, flavor);
        if (needs) needsProgram(context, ...needs);
        requires(context, not?.flavor !== flavor, not?.because ?? '');
        const plain = await observe(new Box(flavor, false));
        if (expected !== undefined) expect(plain).toEqual(expected);
        else expect(plain).toBeDefined();
        expect(await observe(new Box(flavor, true))).toEqual(plain);
      });
    }
  });
}
