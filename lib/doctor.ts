/** Finds out whether programs can be run here, and what to do where not. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  openSync,
  readFileSync,
  type Stats,
  statSync,
} from 'node:fs';
import { release } from 'node:os';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { SandboxReport } from './doctor-sandbox.js';
import { type SandboxError, toSandboxError } from './errors.js';
import { type KvmDevice, type Native, native } from './native.js';
import { validateOptions } from './options.js';
import { encodeStartBlob, startFlags } from './start-blob.js';
import { version } from './version.js';

export interface DoctorOptions {
  /** Path of the KVM device; default /dev/kvm. */
  kvmDevice?: string | undefined;
}

export interface DoctorCheck {
  name: 'platform' | 'node' | 'kernel' | 'native' | 'processor' | 'module' | 'device' | 'monitor';
  ok: boolean;
  /** What was found. */
  found: string;
  /** What to do; only where not ok. */
  remedy?: string;
}

export interface DoctorReport {
  /** Programs can be run here: every check is ok. */
  ok: boolean;
  /** Of this package. */
  version: string;
  /** As process.version. */
  node: string;
  /** The kernel's release, as uname -r. */
  kernel: string;
  kvm: {
    /** Path of the device that was looked at. */
    device: string;
    /** The kernel module that runs guests. */
    kind: 'kvm_intel' | 'kvm_amd' | 'other' | 'none';
    /** How guest memory is translated: by the processor (EPT, NPT) or by page tables that KVM keeps. */
    paging: 'ept' | 'npt' | 'shadow' | 'unknown';
    /** 12; null where the device cannot be used. */
    apiVersion: number | null;
    /** What KVM_CHECK_EXTENSION says of those that are needed; empty where the device cannot be used. */
    capabilities: Record<string, number>;
  };
  /** Where system calls arrive: `supervisor` on VT-x and SVM, `user` where SYSCALL leaves the CPL at 3. */
  entryMode: 'supervisor' | 'user' | null;
  checks: DoctorCheck[];
  /** What there is for isolation; null where no program can be run. */
  sandbox: SandboxReport | null;
}

const selfTestTimeoutMs = 20_000;

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}

const isYes = (text: string | undefined): boolean => text === 'Y' || text === '1';

function kvmKind(): DoctorReport['kvm']['kind'] {
  if (existsSync('/sys/module/kvm_intel')) return 'kvm_intel';
  if (existsSync('/sys/module/kvm_amd')) return 'kvm_amd';
  return existsSync('/sys/module/kvm') ? 'other' : 'none';
}

function pagingKind(kind: DoctorReport['kvm']['kind']): DoctorReport['kvm']['paging'] {
  if (kind === 'kvm_intel') return isYes(readText('/sys/module/kvm_intel/parameters/ept')) ? 'ept' : 'shadow';
  if (kind === 'kvm_amd') return isYes(readText('/sys/module/kvm_amd/parameters/npt')) ? 'npt' : 'shadow';
  // tdp_mmu is on only where the hardware walks two sets of tables; who provides them is not shown.
  return kind === 'other' && readText('/sys/module/kvm/parameters/tdp_mmu') === 'N' ? 'shadow' : 'unknown';
}

interface SelfTest {
  entryMode?: 'supervisor' | 'user';
}

/** Runs the monitor's self-test; returns the JSON object that it prints. Throws an Error with what it says. */
async function selfTest(parts: Native, device: KvmDevice): Promise<SelfTest> {
  const blob = parts.addon.createMemfd(
    'barchan-start',
    encodeStartBlob({ flags: startFlags.selfTest, extraFds: 0, traceFd: -1, reportFd: -1, program: '/' }),
  );
  const image = openSync(parts.monitorPath, constants.O_RDONLY);
  try {
    const monitor = spawn(parts.monitorPath, [], {
      stdio: ['ignore', 'pipe', 'pipe', device.fd, blob, image],
      timeout: selfTestTimeoutMs,
      killSignal: 'SIGKILL',
    });
    const [stdout, stderr, [status, signal]] = await Promise.all([
      text(monitor.stdout as Readable),
      text(monitor.stderr as Readable),
      once(monitor, 'close'),
    ]);
    if (status !== 0) throw new Error(stderr.trim() || stdout.trim() || `it ended with ${signal ?? status}`);
    return JSON.parse(stdout) as SelfTest;
  } finally {
    parts.addon.closeFd(blob);
    closeSync(image);
  }
}

function deviceDescription(path: string): string {
  let status: Stats;
  try {
    status = statSync(path);
  } catch (error) {
    return `${path}: ${(error as NodeJS.ErrnoException).code}`;
  }
  let access = 'this user may not open it';
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    access = 'this user may open it';
  } catch {
    // Said in `access`.
  }
  const mode = (status.mode & 0o7777).toString(8).padStart(4, '0');
  return `${path}, mode ${mode}, owner ${status.uid}:${status.gid}; ${access}`;
}

/**
 * Checks this machine, to the point of starting a virtual machine. What is wrong is in the report, with a remedy;
 * rejects only with ERR_INVALID_OPTION.
 */
export async function doctor(options: DoctorOptions = {}): Promise<DoctorReport> {
  validateOptions('doctor', options);
  const device = options.kvmDevice ?? '/dev/kvm';
  const checks: DoctorCheck[] = [];
  const check = (name: DoctorCheck['name'], ok: boolean, found: string, remedy?: string): boolean => {
    checks.push(ok || !remedy ? { name, ok, found } : { name, ok, found, remedy });
    return ok;
  };
  const failed = (name: DoctorCheck['name'], error: SandboxError): void => {
    const { message, remedy } = error;
    check(name, false, remedy ? message.slice(0, -remedy.length).trim() : message, remedy);
  };

  const platform = `${process.platform} ${process.arch}`;
  check('platform', platform === 'linux x64', platform, 'Use Linux on an x86-64 processor.');
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const nodeOk = major > 20 || (major === 20 && minor >= 19);
  check('node', nodeOk, process.version, 'Install Node.js 20.19 or newer.');
  const [kernelMajor = 0, kernelMinor = 0] = release()
    .split('.')
    .map((part) => Number.parseInt(part, 10));
  const kernelOk = kernelMajor > 5 || (kernelMajor === 5 && kernelMinor >= 16);
  check('kernel', kernelOk, `Linux ${release()}`, 'Use Linux 5.16 or newer.');

  let parts: Native | undefined;
  let opened: KvmDevice | undefined;
  let deviceError: SandboxError | undefined;
  let nativeError: SandboxError | undefined;
  let entryMode: DoctorReport['entryMode'] = null;
  try {
    parts = native();
  } catch (error) {
    nativeError = toSandboxError(error, 'Cannot load the native parts');
  }
  try {
    opened = parts?.addon.openDevice(device);
  } catch (error) {
    deviceError = toSandboxError(error, deviceDescription(device));
  }

  // Hints for where the device is missing. Where it can be opened and answers as KVM, it does not matter that a
  // container shows no /sys, or a virtual machine with a hypervisor of its own no flag.
  const cpu = /\b(vmx|svm)\b/.exec(readText('/proc/cpuinfo') ?? '')?.[1];
  const kind = kvmKind();
  check(
    'processor',
    cpu !== undefined || kind === 'other' || opened !== undefined,
    cpu ? `offers ${cpu}` : 'offers neither vmx nor svm',
    'Switch VT-x or AMD-V on in the firmware, or nested virtualization in the hypervisor.',
  );
  check(
    'module',
    kind !== 'none' || opened !== undefined,
    kind === 'none' ? 'not shown in /sys/module' : kind,
    'Run: sudo modprobe kvm_intel (or kvm_amd).',
  );
  if (nativeError) failed('native', nativeError);
  else check('native', true, parts?.monitorPath ?? '');
  if (deviceError) failed('device', deviceError);
  else if (opened) check('device', true, deviceDescription(device));
  if (parts && opened) {
    try {
      entryMode = (await selfTest(parts, opened)).entryMode ?? null;
      check(
        'monitor',
        entryMode !== null,
        `runs; entry mode ${entryMode}`,
        'Please report this as a defect.',
      );
    } catch (error) {
      check(
        'monitor',
        false,
        `its self-test failed: ${(error as Error).message}`,
        'Another hypervisor may hold the processor (VirtualBox, VMware): end it. Otherwise please report this.',
      );
    } finally {
      parts.addon.closeFd(opened.fd);
    }
  }

  const ok = checks.every((entry) => entry.ok);
  // Loaded only now, as it needs all the parts that may be missing.
  const sandbox = ok ? await (await import('./doctor-sandbox.js')).sandboxReport(device) : null;
  return {
    ok,
    version,
    node: process.version,
    kernel: release(),
    kvm: {
      device,
      kind,
      paging: pagingKind(kind),
      apiVersion: opened?.apiVersion ?? null,
      capabilities: opened?.capabilities ?? {},
    },
    entryMode,
    checks,
    sandbox,
  };
}
