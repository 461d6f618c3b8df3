/** The errors of images, made where they are found; messages name what the image says, quoted. */
import { SandboxError } from '../errors.js';

/** Bytes of an archive, kept as one character each, for a message. */
export function show(bytes: string): string {
  const text = Buffer.from(bytes, 'latin1').toString('utf8');
  return JSON.stringify(text.length > 120 ? `${text.slice(0, 120)}...` : text);
}

/** It breaks a rule of its format, its digests, or safety. */
export function invalid(problem: string, cause?: unknown): SandboxError {
  return new SandboxError('ERR_IMAGE_INVALID', `Cannot use the image: ${problem}`, {
    cause,
    remedy: 'Make or fetch the image again; if it comes from somebody else, do not trust it.',
  });
}

export function unsupported(problem: string, remedy: string): SandboxError {
  return new SandboxError('ERR_IMAGE_UNSUPPORTED', `Cannot use the image: ${problem}`, { remedy });
}

export function tooLarge(limit: string, value: number, problem: string): SandboxError {
  return new SandboxError('ERR_IMAGE_TOO_LARGE', `Cannot use the image: ${problem}`, {
    path: `image.limits.${limit}`,
    value,
    remedy: `If the image is to be trusted, raise limits.${limit} (now ${value}).`,
  });
}

export function notFound(problem: string, remedy: string, path?: string): SandboxError {
  return new SandboxError('ERR_IMAGE_NOT_FOUND', `Cannot use the image: ${problem}`, { remedy, path });
}

/** A system's error about the cache. */
export function cacheFailed(operation: string, path: string, error: unknown): SandboxError {
  if (error instanceof SandboxError) return error;
  const { message, errno, syscall } = error as NodeJS.ErrnoException;
  return new SandboxError('ERR_IMAGE_CACHE', `Cannot ${operation}: ${message}`, {
    path,
    errno: errno === undefined ? undefined : Math.abs(errno),
    syscall,
    cause: error,
    remedy: 'Name a folder of this user with room in it (option `cache`, --image-cache, XDG_CACHE_HOME).',
  });
}
