import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { counterSlots } from '../../lib/counters.js';

const header = readFileSync(new URL('../../native/abi/counters.h', import.meta.url), 'utf8');

it('agrees with abi/counters.h', () => {
  expect(header).toContain(`kCounterSlots = ${counterSlots};`);
  expect(header).toContain('static_assert(sizeof(CounterSlot) == 64)');
  const fields = [...header.matchAll(/^ {2}u(32|64) (\w+)(?:\[(\d+)\])?;/gm)];
  let at = 0;
  const places = fields.map(([, bits, name, count]) => {
    const place = [name, at];
    at += (Number(bits) / 8) * Number(count ?? 1);
    return place;
  });
  expect(Object.fromEntries(places)).toMatchObject({ exits: 0, syscalls: 8, faults: 16, used: 56 });
});
