/** From what callers give as `policy` to what the monitor reads. */
import { Policy, type PolicyDescription, type PolicyProfile } from './policy.js';
import { encodePolicy } from './policy-blob.js';
import { checkPolicy } from './policy-check.js';

/** With a name for people: the profile's, or 'custom'. Throws as policyBlob(). */
export function namedPolicy(policy: Policy | PolicyDescription | PolicyProfile): {
  name: string;
  bytes: Buffer;
} {
  const bytes = policyBlob(policy);
  if (typeof policy === 'string') return { name: policy, bytes };
  const { profile, ...more } = policy instanceof Policy ? policy.toJSON() : policy;
  return { name: Object.values(more).every((part) => part === undefined) ? profile : 'custom', bytes };
}

/** Throws ERR_INVALID_OPTION with a path below options.policy. */
export function policyBlob(policy: Policy | PolicyDescription | PolicyProfile): Buffer {
  if (policy instanceof Policy) return encodePolicy(policy.toJSON());
  const description: PolicyDescription = typeof policy === 'string' ? { profile: policy } : policy;
  checkPolicy(description, 'options.policy');
  return encodePolicy(description);
}
