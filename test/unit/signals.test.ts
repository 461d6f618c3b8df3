import { expect, it } from 'vitest';
import { signalName, signalNumber } from '../../lib/signals.js';

it('knows every number from 1 to 64 both ways', () => {
  for (let number = 1; number <= 64; number++) {
    const name = signalName(number);
    expect(name).toMatch(/^SIG/);
    if (number !== 32 && number !== 33) expect(signalNumber(name)).toBe(number);
  }
});

it.each([0, 65, -1, 1.5, Number.NaN, 'TERM', 'SIGNOPE', 'SIGRTMIN+31', '', null, undefined, {}])(
  'does not know %s',
  (value) => {
    expect(signalNumber(value)).toBeUndefined();
  },
);
