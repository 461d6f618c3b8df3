/**
 * The corpus of attacks: each is stopped where its layer holds, and works where that layer is away; after each, the
 * host, Node.js and another sandbox are as they were.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type AttackRun,
  buildAttack,
  runInSandbox,
  runNatively,
  type Told,
} from '../../lib/harness/attack.js';
import { type Attack, attacks } from '../../lib/harness/metadata.js';
import { type PipedProcess, Sandbox } from '../../lib/index.js';
import { hostState } from '../helpers/host-state.js';

const all = attacks();
const folder = mkdtempSync(join(tmpdir(), 'barchan-corpus-'));
const build = fileURLToPath(new URL('../../build/corpus', import.meta.url));
const secret = join(folder, 'secret');
const secretText = 'not to be seen, not to be changed\n';
const programs = new Map<string, string>();
let victim: ChildProcess;
let server: Server;
let bystander: Sandbox;
let echo: PipedProcess;
let told: Told;

beforeAll(async () => {
  chmodSync(folder, 0o755);
  writeFileSync(secret, secretText, { mode: 0o666 });
  victim = spawn('sleep', ['1000'], { stdio: 'ignore' });
  server = createServer((socket) => socket.on('error', () => {}).end(secretText));
  await new Promise<void>((done) => server.listen({ port: 0, host: '127.0.0.1' }, done));
  bystander = await Sandbox.create();
  echo = await bystander.spawn(['/bin/cat']);
  told = {
    ATTACK_SECRET: secret,
    ATTACK_VICTIM: String(victim.pid),
    ATTACK_NODE: String(process.pid),
    ATTACK_PORT: String((server.address() as AddressInfo).port),
  };
  const queue = [...all];
  const builder = async (): Promise<void> => {
    for (let attack = queue.shift(); attack; attack = queue.shift())
      programs.set(attack.name, await buildAttack(attack, build));
  };
  await Promise.all([builder(), builder()]);
});
afterAll(async () => {
  victim?.kill('SIGKILL');
  server?.close();
  await bystander?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Descriptors of this process; one that is closed a turn of the event loop later does not count. */
const descriptors = (): number => readdirSync('/proc/self/fd').length;

async function othersIntact(): Promise<void> {
  expect(readFileSync(secret, 'utf8')).toBe(secretText);
  expect(victim.exitCode ?? victim.signalCode).toBeNull();
  const token = `still here ${Math.random()}`;
  const answer = new Promise<string>((resolve) =>
    echo.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString())),
  );
  echo.stdin.write(token);
  expect(await answer).toBe(token);
}

const done = (run: AttackRun): string[] =>
  run.attempts.filter(({ stopped }) => stopped === undefined).map(({ name }) => name);
const program = (attack: Attack): string => programs.get(attack.name) as string;

it('has at least 80 attacks, five or more for each layer that they are about', () => {
  expect(all.length).toBeGreaterThanOrEqual(80);
  for (const layer of ['ept', 'gate', 'policy', 'namespace', 'limit'])
    expect(all.filter(({ stoppedBy }) => stoppedBy === layer).length, layer).toBeGreaterThanOrEqual(5);
});

describe.each(all.map((attack) => [attack.name, attack] as const))('%s', (_, attack) => {
  it(`is stopped by ${attack.stoppedBy}`, async () => {
    const before = { host: hostState(), descriptors: descriptors() };
    const run = await runInSandbox(attack, program(attack), attack.options, told);
    expect(done(run)).toEqual([]);
    expect(run, JSON.stringify(run)).toMatchObject({ exitCode: 0, failedControls: [], stderr: '' });
    expect(run.attempts.length, JSON.stringify(run.attempts)).toBeGreaterThanOrEqual(attack.attempts);
    await othersIntact();
    expect(hostState()).toBe(before.host);
    await expect.poll(descriptors).toBeLessThanOrEqual(before.descriptors);
  });

  const { control, controlDone } = attack;
  if (control.kind === 'none') return;
  it('works where that layer is away', async () => {
    const run =
      control.kind === 'native'
        ? await runNatively(attack, program(attack), told)
        : await runInSandbox(attack, program(attack), control.options, { ...told, ATTACK_CONTROL: '1' });
    if (controlDone?.[0] === 'any') {
      expect(done(run), JSON.stringify(run)).not.toEqual([]);
      return;
    }
    const expected = controlDone ?? run.attempts.map(({ name }) => name);
    expect(done(run), JSON.stringify(run)).toEqual(expect.arrayContaining([...expected]));
    expect(expected.length).toBeGreaterThan(0);
    writeFileSync(secret, secretText);
  });
});
