/**
 * The corpus under barchan's three profiles, with all of a sandbox's isolation, side by side: whatever an attack was written
 * for, it must not work there, but for what a profile lets through by decision; and natively, as far as that is safe.
 */
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { compare, holes, inconclusive } from '../../lib/harness/comparison.js';
import { isolation } from '../../lib/harness/isolations.js';
import { attacks } from '../../lib/harness/metadata.js';
import { requires } from '../helpers/skip.js';

const build = fileURLToPath(new URL('../../build/corpus', import.meta.url));
const profiles = ['compat', 'default', 'strict'] as const;
const families = [...new Set(attacks().map(({ name }) => name.split('/')[0] as string))];

it.each(families)(
  '%s: contained under every profile',
  async (family) => {
    const isolations = profiles.flatMap((profile) => isolation(`barchan:${profile}`) ?? []);
    const mine = attacks().filter(({ name }) => name.startsWith(`${family}/`));
    const cells = await compare({ attacks: mine, isolations, build, jobs: 3 });
    expect(cells.length).toBe(mine.length * profiles.length);
    for (const cell of cells) {
      const { attack, isolation: where, verdict, failure, passedOver } = cell;
      const what = `${attack.name} in ${where.name}`;
      if (passedOver) {
        console.warn(`skipped: ${what}: ${passedOver}`);
        continue;
      }
      expect(failure, what).toBeUndefined();
      expect(verdict && holes(where, attack, verdict), what).toEqual([]);
      expect(verdict, what).toMatchObject({ contained: true, reached: [] });
      expect(verdict?.exit.timedOut, what).toBe(false);
      expect(inconclusive(cell), what).toBeUndefined();
      // Only a profile's refusal is a reason for which an attack may do less than it is about.
      const whole = verdict?.failedControls.length === 0 && verdict.attempts.length >= attack.attempts;
      if (!whole) expect(verdict?.stoppedBy, what).toBe('policy');
      // The widest profile refuses what an attack's own rules say, and nothing else.
      if (where.name === 'barchan:compat' && typeof attack.options.policy !== 'object')
        expect(whole, what).toBe(true);
      if (where.name === 'barchan:compat' && attack.stoppedBy === 'seccomp')
        expect(verdict?.stoppedBy, what).toBe('seccomp');
    }
  },
  300_000,
);

it('lets through what a profile permits, and says so', async (context) => {
  const permitting = attacks().filter(({ permits, injected }) => permits.compat && !injected);
  requires(context, permitting.length > 0, 'no attack is permitted anything');
  const compat = isolation('barchan:compat');
  const cells = await compare({ attacks: permitting, isolations: compat ? [compat] : [], build });
  for (const { attack, verdict } of cells) {
    const done = verdict?.attempts.filter(({ stopped }) => stopped === undefined).map(({ name }) => name);
    expect(new Set(done), attack.name).toEqual(new Set(attack.permits.compat));
  }
});
