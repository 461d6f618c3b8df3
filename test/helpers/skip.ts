/** Skipped tests are counted by the reporter and say why they were skipped. */
import type { TestContext } from 'vitest';

/** Skips the rest of the test unless `condition` holds. */
export function requires(context: TestContext, condition: boolean, reason: string): void {
  if (condition) return;
  console.warn(`skipped: ${context.task.name}: ${reason}`);
  context.skip(reason);
}
