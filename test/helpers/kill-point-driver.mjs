/**
 * One life of a sandbox, for kill-point.test.ts: what became of each step, as one line of JSON. What a killed process
 * makes of it is for the test to judge; here nothing may be thrown that is no SandboxError.
 */
import { readdirSync, readlinkSync } from 'node:fs';

const [, , library, options] = process.argv;
const { Sandbox, SandboxError } = await import(library);

const steps = [];
const step = async (name, work) => {
  const start = performance.now();
  let outcome;
  try {
    outcome = await work();
  } catch (error) {
    outcome =
      error instanceof SandboxError ? { code: error.code } : { untyped: String(error?.stack ?? error) };
  }
  steps.push({ name, ms: Math.round(performance.now() - start), ...outcome });
};

const script = '(sleep 0.2; echo child) & wait $!; s=$?; echo status $s; exit $s';
const run = async (box) => {
  const { exitCode, signal, timedOut, limit, stdout } = await box.exec(['sh', '-c', script], {
    timeoutMs: 1500,
  });
  return { exitCode, signal, timedOut, limit, stdout };
};

let box;
await step('create', async () => {
  box = await Sandbox.create(JSON.parse(options));
});
if (box) {
  await Promise.all([
    step('exec', () => run(box)),
    step('spawn', async () => {
      const guest = await box.spawn(['sh', '-c', 'setsid sleep 30 & sleep 30; :'], { stdio: 'ignore' });
      await new Promise((resolve) => setTimeout(resolve, 150));
      await guest.end();
      const { exitCode, signal } = await guest.exited;
      return { exitCode, signal };
    }),
  ]);
  await step('again', () => run(box));
  await step('close', () => box.close());
}
const own = readdirSync('/proc/self/fd').flatMap((fd) => {
  try {
    return [readlinkSync(`/proc/self/fd/${fd}`)];
  } catch {
    return [];
  }
});
const held = own.filter((link) => /memfd:|\/dev\/kvm|pidfd|socket:/.test(link));
console.log(JSON.stringify({ steps, held }));
