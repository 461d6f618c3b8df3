/** Names and numbers of Linux signals, real-time ones included. */
import { constants } from 'node:os';

const byName = new Map<string, number>(Object.entries(constants.signals));
const byNumber = new Map<number, string>();
for (const [name, number] of byName) if (!byNumber.has(number)) byNumber.set(number, name);

export function signalName(number: number): string {
  return byNumber.get(number) ?? (number < 34 ? `SIG${number}` : `SIGRTMIN+${number - 34}`);
}

/** 1..64, or undefined when there is no such signal. */
export function signalNumber(signal: unknown): number | undefined {
  if (typeof signal === 'number') {
    return Number.isInteger(signal) && signal >= 1 && signal <= 64 ? signal : undefined;
  }
  if (typeof signal !== 'string') return undefined;
  const realTime = /^SIGRTMIN\+(\d{1,2})$/.exec(signal);
  if (realTime) return signalNumber(34 + Number(realTime[1]));
  return byName.get(signal);
}
