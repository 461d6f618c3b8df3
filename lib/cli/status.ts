/** Exit statuses that barchan has of its own; help.ts and docs/errors.md name them. */
import type { ErrorCode } from '../errors.js';

export const statuses = { usage: 2, timeout: 124, failure: 125, brokenPipe: 128 + 13 } as const;

const byCode: Partial<Record<ErrorCode, number>> = {
  ERR_INVALID_OPTION: statuses.usage,
  ERR_PROGRAM_NOT_EXECUTABLE: 126,
  ERR_PROGRAM_NOT_FOUND: 127,
};

export function statusOf(code: ErrorCode): number {
  return byCode[code] ?? statuses.failure;
}
