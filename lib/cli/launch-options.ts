/** The options that `run` and `trace` share. */

import type { SandboxImage } from '../image/rootfs.js';
import type { SandboxOptions, SpawnOptions, Stdio, StdioEntry } from '../options.js';
import { imageCommand } from './image-run.js';
import { inheritedDescriptors } from './inherited.js';
import { type IsolationValues, isolationFlags, isolationOptions, sandboxEnv } from './isolation-values.js';
import { usageError } from './usage.js';

export const launchOptions = {
  cwd: { type: 'string', short: 'C' },
  env: { type: 'string', short: 'e', multiple: true },
  'clear-env': { type: 'boolean' },
  timeout: { type: 'string' },
  argv0: { type: 'string' },
  device: { type: 'string' },
  policy: { type: 'string' },
  'kill-background': { type: 'boolean' },
  entrypoint: { type: 'string' },
  ...isolationFlags,
  help: { type: 'boolean', short: 'h' },
} as const;

export interface LaunchValues extends IsolationValues {
  cwd?: string;
  env?: string[];
  'clear-env'?: boolean;
  timeout?: string;
  argv0?: string;
  device?: string;
  policy?: string;
  'kill-background'?: boolean;
  entrypoint?: string;
}

function environment(values: LaunchValues, base: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = values['clear-env'] ? {} : { ...base };
  for (const entry of values.env ?? []) {
    const equals = entry.indexOf('=');
    if (equals === -1) env[entry] = process.env[entry];
    else env[entry.slice(0, equals)] = entry.slice(equals + 1);
  }
  return env;
}

/** What a program in this process's place would have open, under the same numbers. */
function inheritedStdio(): Stdio {
  const stdio: (StdioEntry | undefined)[] = ['inherit', 'inherit', 'inherit'];
  for (const fd of inheritedDescriptors()) stdio[fd] = fd;
  return Array.from(stdio) as unknown as Stdio;
}

export function spawnOptions(verb: string, values: LaunchValues): SpawnOptions {
  let timeoutMs: number | undefined;
  if (values.timeout !== undefined) {
    timeoutMs = /^\d+$/.test(values.timeout) ? Number(values.timeout) : Number.NaN;
    if (Number.isNaN(timeoutMs)) {
      usageError(
        `${verb}: --timeout must be milliseconds, not ${JSON.stringify(values.timeout)}`,
        `Try: barchan help ${verb}`,
      );
    }
  }
  const isolated = isolationOptions(verb, values) !== undefined;
  return {
    cwd: values.cwd,
    env: environment(values, isolated ? sandboxEnv() : process.env),
    timeoutMs,
    argv0: values.argv0,
    stdio: isolated ? 'inherit' : inheritedStdio(),
    newSession: false,
    keepBackground: !values['kill-background'] && !isolated,
  };
}

/** What is run and with which variables when the sandbox shows an image; undefined: what the command line says. */
export function imageProgram(
  verb: string,
  values: LaunchValues,
  command: readonly string[],
): ((image: SandboxImage) => { argv: readonly string[]; env: NodeJS.ProcessEnv }) | undefined {
  if (values.image === undefined) {
    if (values.entrypoint !== undefined)
      usageError(`${verb}: --entrypoint needs --image`, `Try: barchan help ${verb}`);
    return undefined;
  }
  return (image) => ({
    argv: imageCommand(verb, image, command, values.entrypoint),
    env: environment(values, { TERM: process.env.TERM, ...image.env }),
  });
}

/** What the sandbox is made with. Ends with a message when the policy's file cannot be used. */
export async function sandboxOptions(verb: string, values: LaunchValues): Promise<SandboxOptions> {
  const isolation = isolationOptions(verb, values) ?? { isolation: 'none' };
  const options: SandboxOptions = { kvmDevice: values.device, ...isolation };
  if (values.policy !== undefined) {
    const { readPolicy } = await import('./policy-file.js');
    options.policy = readPolicy(verb, values.policy);
  }
  return options;
}
