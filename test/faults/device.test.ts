/** Without a usable KVM device: a stable error code and a remedy, nothing started. */
import { execFileSync, spawnSync } from 'node:child_process';
import { accessSync, chmodSync, constants, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { run, SandboxError } from '../../lib/index.js';
import { requires } from '../helpers/skip.js';

const folder = mkdtempSync(join(tmpdir(), 'barchan-device-'));
chmodSync(folder, 0o755);
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const library = fileURLToPath(new URL('../../dist/index.js', import.meta.url));
const nobody = 65534;

/** True when every user can enter the folders above `path`. */
function openToAll(path: string): boolean {
  for (let at = dirname(path); ; at = dirname(at)) {
    if ((statSync(at).mode & 0o5) !== 0o5) return false;
    if (at === '/') return true;
  }
}

/** Runs `argv` with `device` as user nobody, and prints the result or the error as JSON. */
function asNobody(argv: string[], device: string): Record<string, unknown> {
  const script = join(folder, 'as-nobody.mjs');
  writeFileSync(
    script,
    `import { run, Sandbox } from ${JSON.stringify(library)};
await (await Sandbox.create()).close(); // loads everything that nobody may not be able to read
process.setgroups([]); process.setgid(${nobody}); process.setuid(${nobody});
const result = await run(${JSON.stringify(argv)}, { kvmDevice: ${JSON.stringify(device)}, cwd: '/' }).catch((e) => e);
console.log(JSON.stringify(result instanceof Error ? { code: result.code, message: result.message } : result));
`,
  );
  const { stdout, stderr } = spawnSync(process.execPath, [script], { encoding: 'utf8', cwd: '/' });
  try {
    return JSON.parse(stdout);
  } catch {
    throw new Error(`no result: ${stdout} ${stderr}`);
  }
}

describe('the KVM device', () => {
  it.each([
    ['that is not there', '/dev/no-such-kvm', 'ERR_KVM_NOT_FOUND'],
    ['that is another device', '/dev/null', 'ERR_KVM_UNSUPPORTED'],
    ['that is a file', fileURLToPath(import.meta.url), 'ERR_KVM_UNSUPPORTED'],
    ['that is a folder', '/dev', 'ERR_SYSTEM'],
  ])('%s', async (_, kvmDevice, code) => {
    const error = await run(['true'], { kvmDevice }).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(SandboxError);
    expect((error as SandboxError).code).toBe(code);
    expect((error as SandboxError).message).toContain(kvmDevice);
  });

  it('that this user may not open', (context) => {
    requires(context, process.getuid?.() === 0, 'must be root to become another user');
    const device = join(folder, 'closed');
    execFileSync('mknod', ['-m', '600', device, 'c', '10', '232']);
    expect(asNobody(['true'], device)).toMatchObject({
      code: 'ERR_KVM_PERMISSION',
      message: expect.stringContaining('kvm'),
    });
  });

  it('that a user without privileges may open', (context) => {
    requires(context, process.getuid?.() === 0, 'must be root to become another user');
    requires(context, openToAll(library), `${library} is not readable for every user`);
    const device = join(folder, 'open');
    execFileSync('mknod', ['-m', '666', device, 'c', '10', '232']);
    try {
      accessSync(device, constants.R_OK);
    } catch {
      requires(context, false, 'devices do not work in the folder for temporary files');
    }
    expect(asNobody(['/bin/sh', '-c', 'id -u; echo $((6 * 7)) | cat; exit 3'], device)).toMatchObject({
      exitCode: 3,
      stdout: `${nobody}\n42\n`,
    });
  });
});
