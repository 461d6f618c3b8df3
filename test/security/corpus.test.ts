/**
 * The corpus of attacks: each is stopped where its layer holds, and works where that layer is away; after each, the
 * host, Node.js and another sandbox are as they were.
 */
import { readdirSync } from 'node:fs';
import { release } from 'node:os';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, type TestContext } from 'vitest';
import { type AttackRun, runInSandbox, runNatively } from '../../lib/harness/attack.js';
import { buildAttack, buildInjector } from '../../lib/harness/build.js';
import { Canaries } from '../../lib/harness/canaries.js';
import { type Attack, attacks, isAtLeast, layers } from '../../lib/harness/metadata.js';
import { type PipedProcess, Sandbox } from '../../lib/index.js';
import { hostState } from '../helpers/host-state.js';
import { requires } from '../helpers/skip.js';

const all = attacks();
const build = fileURLToPath(new URL('../../build/corpus', import.meta.url));
let injector: string;
let bystander: Sandbox;
let echo: PipedProcess;

beforeAll(async () => {
  bystander = await Sandbox.create();
  echo = await bystander.spawn(['/bin/cat']);
  injector = await buildInjector(build);
});
afterAll(async () => {
  await bystander?.close();
});

/** Descriptors of this process; one that is closed a turn of the event loop later does not count. */
const descriptors = (): number => readdirSync('/proc/self/fd').length;

async function othersIntact(): Promise<void> {
  const token = `still here ${Math.random()}`;
  const answer = new Promise<string>((resolve) =>
    echo.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString())),
  );
  echo.stdin.write(token);
  expect(await answer).toBe(token);
}

const done = (run: AttackRun): string[] =>
  run.attempts.filter(({ stopped }) => stopped === undefined).map(({ name }) => name);
const program = (attack: Attack): Promise<string> => buildAttack(attack, build);

it('has five or more attacks for each layer', () => {
  expect(all.length).toBeGreaterThanOrEqual(125);
  for (const layer of layers)
    expect(all.filter(({ stoppedBy }) => stoppedBy === layer).length, layer).toBeGreaterThanOrEqual(5);
});

/** Skips where this machine cannot show what the attack is about. */
function needs(context: TestContext, { injected, kernel }: Attack): void {
  if (injected) requires(context, process.getuid?.() === 0, 'a debugger of other processes needs root here');
  if (kernel) requires(context, isAtLeast(release(), kernel), `Linux ${kernel} or later is needed`);
}

describe.each(all.map((attack) => [attack.name, attack] as const))('%s', (_, attack) => {
  it(`is stopped by ${attack.stoppedBy}`, async (context) => {
    needs(context, attack);
    await using canaries = await Canaries.plant();
    const before = { host: hostState(), descriptors: descriptors() };
    const run = await runInSandbox(attack, await program(attack), attack.options, canaries.told, injector);
    expect(done(run)).toEqual([]);
    expect(run, JSON.stringify(run)).toMatchObject({ exitCode: 0, failedControls: [], stderr: '' });
    // Each was a breach, and nothing else was; anything else would be another layer's answer.
    expect(run.breaches.length).toBe(attack.stoppedBy === 'seccomp' ? run.attempts.length : 0);
    expect(run.attempts.length, JSON.stringify(run.attempts)).toBeGreaterThanOrEqual(attack.attempts);
    expect(await canaries.reached([])).toEqual([]);
    await othersIntact();
    expect(hostState()).toBe(before.host);
    await expect.poll(descriptors).toBeLessThanOrEqual(before.descriptors);
  });

  const { control, controlDone } = attack;
  if (control.kind === 'none') return;
  it('works where that layer is away', async (context) => {
    needs(context, attack);
    await using canaries = await Canaries.plant();
    const run =
      control.kind === 'native'
        ? await runNatively(attack, await program(attack), canaries.told)
        : await runInSandbox(
            attack,
            await program(attack),
            control.options,
            { ...canaries.told, ATTACK_CONTROL: '1' },
            injector,
          );
    if (controlDone?.[0] === 'any') {
      expect(done(run), JSON.stringify(run)).not.toEqual([]);
      return;
    }
    const expected = controlDone ?? run.attempts.map(({ name }) => name);
    expect(done(run), JSON.stringify(run)).toEqual(expect.arrayContaining([...expected]));
    expect(expected.length).toBeGreaterThan(0);
  });
});
