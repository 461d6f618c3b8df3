/** Which calls of the host kernel a policy lets a guest cause, as the monitor's own filter has them. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, openSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { SandboxError } from './errors.js';
import { native } from './native.js';
import type { Policy, PolicyDescription, PolicyProfile } from './policy.js';
import { policyBlob } from './policy-option.js';
import { encodeStartBlob, startFd, startFlags } from './start-blob.js';

/**
 * Names of host system calls, in the order of their numbers. Rejects with ERR_INVALID_OPTION, ERR_NATIVE_NOT_BUILT,
 * ERR_MONITOR_CONFIG.
 */
export async function reachableHostCalls(
  policy: Policy | PolicyDescription | PolicyProfile,
): Promise<string[]> {
  const { addon, monitorPath } = native();
  const blob = addon.createMemfd(
    'barchan-start',
    encodeStartBlob({
      flags: startFlags.showPolicy,
      extraFds: 0,
      traceFd: -1,
      reportFd: -1,
      policyFd: startFd.firstExtra,
      program: '',
    }),
  );
  const policyFd = addon.createMemfd('barchan-policy', policyBlob(policy));
  const image = openSync(monitorPath, constants.O_RDONLY);
  const device = openSync('/dev/null', constants.O_RDONLY); // no virtual machine is made
  try {
    const monitor = spawn(monitorPath, [], {
      stdio: ['ignore', 'pipe', 'pipe', device, blob, image, policyFd],
    });
    const [stdout, stderr] = await Promise.all([
      text(monitor.stdout as NonNullable<typeof monitor.stdout>),
      text(monitor.stderr as NonNullable<typeof monitor.stderr>),
      once(monitor, 'close'),
    ]);
    if (monitor.exitCode !== 0) {
      throw new SandboxError('ERR_MONITOR_CONFIG', `The monitor refused the policy: ${stderr.trim()}`);
    }
    return (JSON.parse(stdout) as { hostCalls: string[] }).hostCalls;
  } finally {
    for (const fd of [blob, policyFd]) addon.closeFd(fd);
    closeSync(image);
    closeSync(device);
  }
}
