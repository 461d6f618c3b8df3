/** One question to a runtime: what is observed must not depend on whether Barchan is in between. */
import { writeFileSync } from 'node:fs';
import type { Box, Flavor, Result } from '../bed.js';

export interface Case {
  name: string;
  observe(box: Box): unknown;
  /** What crun and runc both answer; absent where they differ from each other. */
  expected?: unknown;
  /** A program of the host that it copies, and its Debian package. */
  needs?: [program: string, debianPackage: string];
  /** A runtime whose own answer is not always the same. */
  not?: { flavor: Flavor; because: string };
}

/** "ok" or "failed": messages and statuses of failures are each runtime's own. */
export const outcome = (result: Result): string => (result.status === 0 ? 'ok' : 'failed');

/** A container whose process waits for its end, created and started. */
export function running(
  box: Box,
  script = 'trap "exit 9" TERM; echo ready; while :; do sleep 0.05; done',
): Promise<void> {
  const created = box.write(script).create();
  if (created.status !== 0) throw new Error(`create: ${created.stderr}${box.output}`);
  const started = box.start();
  if (started.status !== 0) throw new Error(`start: ${started.stderr}`);
  return script.includes('echo ready') ? box.untilOutput('ready') : Promise.resolve();
}

/** A script that ends when it is let go. */
export const untilLetGo = 'while ! test -e /data/go; do sleep 0.05; done';
export const letGo = (box: Box): void => writeFileSync(box.path('rootfs/data/go'), '');

/** Runs a script in the foreground: what it printed and its status. */
export function answer(box: Box, script: string): { status: number; stdout: string } {
  const { status, stdout, stderr } = box.run(script);
  return {
    status,
    stdout: stdout + (stdout === '' && status !== 0 ? `(${outcome({ status, stdout, stderr })})` : ''),
  };
}
