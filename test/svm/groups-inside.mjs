/**
 * Runs in the machine of groups.mjs, once as root and once as an ordinary user with a delegated group: limits kept by
 * version 2 of control groups. Prints one line for each check, "GROUPS ok NAME" or "GROUPS FAIL NAME: why".
 */
import { deepStrictEqual, ok, strictEqual } from 'node:assert';
import { readdirSync, readFileSync } from 'node:fs';

const { Sandbox, run } = await import('/app/dist/index.js');
const groupsAt = '/sys/fs/cgroup';

/** Folders of sandboxes' groups. @returns {string[]} */
function groups() {
  return readdirSync(groupsAt, { recursive: true, encoding: 'utf8' })
    .filter((path) => /(^|\/)barchan-[^/]*$/.test(path))
    .map((path) => `${groupsAt}/${path}`);
}

/** @param {string} name @param {() => Promise<void>} work */
async function check(name, work) {
  try {
    await work();
    deepStrictEqual(groups(), [], 'groups are left');
    console.log(`GROUPS ok ${name}`);
  } catch (error) {
    console.log(`GROUPS FAIL ${name}: ${String(error).replaceAll('\n', ' ')}`);
  }
}

/** @param {string} script @param {object} limits */
const shell = (script, limits) => run(['/bin/busybox', 'sh', '-c', script], { policy: 'compat', limits });

await check('memory', async () => {
  const { limit, stdout } = await shell('head -c 100m /dev/zero > /tmp/x; echo status $?', { memory: '32m' });
  strictEqual(limit, 'memory');
  ok(!stdout.includes('status 0'), stdout);
});
await check('pids', async () => {
  const forks = 'i=0; while [ $i -lt 40 ]; do sleep 3 & i=$((i+1)); done; echo all';
  const { stdout, stderr } = await shell(forks, { pids: 16 });
  ok(stderr.includes('Resource temporarily unavailable'), stderr);
  strictEqual(stdout, '');
});
await check('cpus', async () => {
  const { usage, durationMs } = await shell('i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done', {
    cpus: 0.25,
  });
  const share = (usage.userMs + usage.systemMs) / durationMs;
  ok(share < 0.45, `share ${share}`);
});
await check('cpuMs', async () => {
  const { limit, signal } = await shell('while :; do :; done', { cpuMs: 2000 });
  deepStrictEqual({ limit, signal }, { limit: 'cpuMs', signal: 'SIGKILL' });
});
await check('io, writing too', async () => {
  strictEqual((await shell('echo io', { io: '1m' })).stdout, 'io\n');
});
await check('a group that is named', async () => {
  const cgroup = process.argv[2];
  strictEqual((await shell('echo given', { pids: 30, cgroup })).stdout, 'given\n');
});
await check('all processes in it, and its numbers', async () => {
  const box = await Sandbox.create({ policy: 'compat', limits: { memory: '64m', cpuMs: 100_000, pids: 30 } });
  await box.spawn(['/bin/busybox', 'sleep', '100'], { stdio: 'ignore' });
  await new Promise((resolve) => setTimeout(resolve, 3000));
  const [group] = groups();
  const names = readFileSync(`${group}/cgroup.procs`, 'utf8')
    .trim()
    .split('\n')
    .map((pid) => readFileSync(`/proc/${pid}/comm`, 'utf8').trim());
  const { memory, limits } = box.metrics();
  await box.close();
  // And KVM's worker, which has other names on other kernels.
  for (const name of ['barchan-keeper', 'barchan-super', 'barchan-init', 'busybox'])
    ok(names.includes(name), String(names));
  ok(memory.currentBytes > 0 && memory.currentBytes < 64 * 1024 ** 2, JSON.stringify(memory));
  deepStrictEqual(limits, { memory: 'cgroup', cpuMs: 'cgroup', pids: 'cgroup' });
});
