/** A policy on the command line: the name of a profile, or a JSON file with a policy. */
import { readFileSync } from 'node:fs';
import { SandboxError } from '../errors.js';
import { Policy, type PolicyDescription } from '../policy.js';
import { type PolicyProfile, policyProfiles } from '../policy-profiles.js';
import { usageError } from './usage.js';

export function readPolicy(verb: string, nameOrFile: string): Policy {
  if ((policyProfiles as readonly string[]).includes(nameOrFile)) {
    return Policy.from(nameOrFile as PolicyProfile);
  }
  try {
    return Policy.from(JSON.parse(readFileSync(nameOrFile, 'utf8')) as PolicyDescription);
  } catch (error) {
    const { message } = error as Error;
    const problem =
      error instanceof SandboxError || error instanceof SyntaxError
        ? message
        : `it cannot be read (${message})`;
    return usageError(
      `${verb}: policy ${JSON.stringify(nameOrFile)}: ${problem}`,
      `A policy is one of ${policyProfiles.join(', ')}, or a JSON file. Try: barchan help policy`,
    );
  }
}
