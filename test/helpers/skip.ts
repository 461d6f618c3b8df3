/** Skipped tests are counted by the reporter and say why they were skipped. */
import { spawnSync } from 'node:child_process';
import type { TestContext } from 'vitest';

/** Skips the rest of the test unless `condition` holds. */
export function requires(context: TestContext, condition: boolean, reason: string): void {
  if (condition) return;
  console.warn(`skipped: ${context.task.name}: ${reason}`);
  context.skip(reason);
}

/** Skips the rest of the test unless `program` is in PATH; `debianPackage` has it. */
export function needsProgram(context: TestContext, program: string, debianPackage: string): void {
  const { status } = spawnSync('sh', ['-c', 'command -v "$1"', 'sh', program]);
  requires(context, status === 0, `${program} is not installed (Debian package ${debianPackage})`);
}
