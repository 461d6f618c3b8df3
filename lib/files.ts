/**
 * A sandbox's files as its programs see them, for the process that has made it: before the first program, while programs
 * run and change them, and until the sandbox is closed.
 *
 * Every path is looked up by a process inside the sandbox (native/files); what comes from it here is a descriptor of a regular
 * file. No path of the guest's is ever used on the host.
 */
import {
  createReadStream,
  createWriteStream,
  type ReadStream,
  read as readFile,
  type WriteStream,
  write as writeFile,
} from 'node:fs';
import type { Writable } from 'node:stream';
import { promisify } from 'node:util';
import { SandboxError } from './errors.js';
import { FilesClient } from './files-client.js';
import { closedError, fileError, pathBytes, type SandboxPath, validateFileOptions } from './files-errors.js';
import {
  decodeEntries,
  decodeFileStat,
  type FileRequest,
  type FileStat,
  type FileType,
  fileFlags,
} from './files-message.js';
import { type FileEvent, FileWatches } from './files-watch.js';
import type { Keeper } from './keeper.js';
import { native } from './native.js';

const readAsync = promisify(readFile);
const writeAsync = promisify(writeFile);

export interface FileOptions {
  /** When it is aborted, the call rejects with ERR_ABORTED; what was done until then stays. */
  signal?: AbortSignal | undefined;
}

export interface ReadOptions extends FileOptions {
  /** 'utf8': text; default: bytes. */
  encoding?: 'utf8' | undefined;
  /** A longer file is ERR_FILE_TOO_LARGE. Default 64 MiB. */
  maxBytes?: number | undefined;
}

export interface WriteOptions extends FileOptions {
  /** Adds to what is there; default: replaces it. */
  append?: boolean | undefined;
  /** Fails with ERR_FILE_EXISTS when there is something of this name. */
  exclusive?: boolean | undefined;
  /** Permissions of a file that is made; default 0o644. */
  mode?: number | undefined;
}

export interface ListOptions extends FileOptions {
  /** A folder with more is ERR_FILE_TOO_LARGE. Default 100,000. */
  maxEntries?: number | undefined;
}

export interface ReadStreamOptions extends FileOptions {
  /** The first byte; default 0. */
  start?: number | undefined;
  /** The last byte, included; default: the end. */
  end?: number | undefined;
}

/** An entry of a folder. */
export interface FileEntry {
  /** With U+FFFD for bytes that are no UTF-8. */
  name: string;
  nameBytes: Buffer;
  type: FileType;
}

const defaultMaxBytes = 64 * 1024 ** 2;
const defaultMaxEntries = 100_000;
const chunkBytes = 256 * 1024;
// <asm-generic/errno-base.h>
const again = 11;
const noEntry = 2;
/** Parts of a removal that a guest may undo before it is given up. */
const mostRemovals = 100_000;

/** `sandbox.files`. Paths are absolute, in the sandbox; text, or bytes for names that are no UTF-8. */
export class SandboxFiles {
  readonly #keeper: Keeper;
  readonly #open = new Set<Promise<unknown>>();
  readonly #streams = new Set<ReadStream | WriteStream>();
  readonly #closing = new AbortController();
  #client: Promise<FilesClient> | undefined;
  #watches: FileWatches | undefined;

  constructor(keeper: Keeper) {
    this.#keeper = keeper;
  }

  /** Rejects with ERR_FILE_..., ERR_INVALID_OPTION, ERR_ABORTED, ERR_SANDBOX_CLOSED, ERR_SANDBOX_SETUP, ERR_SYSTEM, as all of these. */
  read(path: SandboxPath, options: ReadOptions & { encoding: 'utf8' }): Promise<string>;
  read(path: SandboxPath, options?: ReadOptions & { encoding?: undefined }): Promise<Buffer>;
  read(path: SandboxPath, options?: ReadOptions): Promise<Buffer | string>;
  async read(path: SandboxPath, options: ReadOptions = {}): Promise<Buffer | string> {
    validateFileOptions('files.read', options, ['encoding', 'maxBytes']);
    const bytes = await this.#run(
      'read',
      path,
      options,
      async (fd, stat) => {
        const most = options.maxBytes ?? defaultMaxBytes;
        const chunks: Buffer[] = [];
        let size = 0;
        // By what is there and not by what it says: it may grow meanwhile.
        for (let more = stat.size <= most; more; ) {
          this.#mustGoOn('read', path, options.signal);
          const chunk = Buffer.allocUnsafe(Math.min(chunkBytes, most - size + 1));
          const { bytesRead } = await readAsync(fd, chunk, 0, chunk.length, size);
          if (bytesRead === 0) return Buffer.concat(chunks, size);
          chunks.push(chunk.subarray(0, bytesRead));
          size += bytesRead;
          more = size <= most;
        }
        throw new SandboxError(
          'ERR_FILE_TOO_LARGE',
          `Cannot read ${show(path)}: it has more than ${most} bytes`,
          {
            path: String(path),
            remedy: 'Raise options.maxBytes, or read it by createReadStream().',
          },
        );
      },
      { operation: 'open', flags: fileFlags.read },
    );
    return options.encoding === 'utf8' ? bytes.toString('utf8') : bytes;
  }

  /** Makes the file or replaces its content, in place. */
  async write(path: SandboxPath, data: string | Uint8Array, options: WriteOptions = {}): Promise<void> {
    validateFileOptions('files.write', options, ['append', 'exclusive', 'mode']);
    if (typeof data !== 'string' && !(data instanceof Uint8Array)) {
      throw new SandboxError('ERR_INVALID_OPTION', 'files.write: data is neither a string nor a Uint8Array', {
        path: 'data',
        value: data,
        remedy: 'Give a string or bytes; for a stream use createWriteStream().',
      });
    }
    const bytes = typeof data === 'string' ? Buffer.from(data) : data;
    await this.#run(
      'write',
      path,
      options,
      async (fd) => {
        for (let done = 0; done < bytes.length; ) {
          this.#mustGoOn('write', path, options.signal);
          const size = Math.min(chunkBytes, bytes.length - done);
          done += (await writeAsync(fd, bytes, done, size, options.append ? null : done)).bytesWritten;
        }
      },
      openForWriting(options),
    );
  }

  /** What is there; of a link, with `followLinks: false`, the link. */
  async stat(
    path: SandboxPath,
    options: FileOptions & { followLinks?: boolean | undefined } = {},
  ): Promise<FileStat> {
    validateFileOptions('files.stat', options, ['followLinks']);
    const flags = options.followLinks === false ? fileFlags.noFollow : 0;
    const { payload } = await this.#ask('stat', path, options, { operation: 'status', flags });
    return decodeFileStat(payload) ?? wrongAnswer('stat', path);
  }

  /** Is there anything of this name? A link to nowhere is nothing. */
  async exists(path: SandboxPath, options: FileOptions = {}): Promise<boolean> {
    try {
      await this.stat(path, options);
      return true;
    } catch (error) {
      if (error instanceof SandboxError && error.code === 'ERR_FILE_NOT_FOUND') return false;
      throw error;
    }
  }

  /** The entries of a folder, in no order. */
  async list(path: SandboxPath, options: ListOptions = {}): Promise<FileEntry[]> {
    validateFileOptions('files.list', options, ['maxEntries']);
    const most = options.maxEntries ?? defaultMaxEntries;
    const { value } = await this.#ask('list', path, options, { operation: 'openFolder' });
    const entries: FileEntry[] = [];
    let finished = false;
    try {
      for (;;) {
        const { payload } = await this.#ask('list', path, options, { operation: 'readFolder', value });
        if (payload.length === 0) break;
        for (const { name, type } of decodeEntries(payload) ?? wrongAnswer('list', path))
          entries.push({ name: name.toString('utf8'), nameBytes: name, type });
        if (entries.length > most) {
          throw new SandboxError(
            'ERR_FILE_TOO_LARGE',
            `Cannot list ${show(path)}: it has more than ${most} entries`,
            {
              path: String(path),
              remedy: 'Raise options.maxEntries.',
            },
          );
        }
      }
      finished = true;
      return entries;
    } finally {
      // Otherwise it was closed with the last answer.
      if (!finished) this.#ask('list', path, {}, { operation: 'closeFolder', value }).catch(() => {});
    }
  }

  /** A folder; with `recursive` also those above it, and it may be there. Default mode 0o755. */
  async mkdir(
    path: SandboxPath,
    options: FileOptions & { recursive?: boolean | undefined; mode?: number | undefined } = {},
  ): Promise<void> {
    validateFileOptions('files.mkdir', options, ['recursive', 'mode']);
    const flags = options.recursive ? fileFlags.recursive : 0;
    await this.#ask('make', path, options, { operation: 'makeFolder', flags, mode: options.mode ?? 0o755 });
  }

  /** A file, a link itself, or a folder: an empty one, or with `recursive` all that is in it. `force`: it need not be there. */
  async remove(
    path: SandboxPath,
    options: FileOptions & { recursive?: boolean | undefined; force?: boolean | undefined } = {},
  ): Promise<void> {
    validateFileOptions('files.remove', options, ['recursive', 'force']);
    const request: FileRequest = { operation: 'remove', flags: options.recursive ? fileFlags.recursive : 0 };
    for (let part = 0; part < mostRemovals; part++) {
      const { error } = await this.#ask('remove', path, options, request, [again, noEntry]);
      if (error === 0) return;
      if (error === noEntry && (options.force || part > 0)) return;
      if (error === noEntry) throw fileError('remove', String(path), error);
    }
    throw fileError('remove', String(path), again);
  }

  /** With `replace: false`, ERR_FILE_EXISTS when there is something of the new name. */
  async rename(
    from: SandboxPath,
    to: SandboxPath,
    options: FileOptions & { replace?: boolean | undefined } = {},
  ): Promise<void> {
    validateFileOptions('files.rename', options, ['replace']);
    const flags = options.replace === false ? fileFlags.exclusive : 0;
    await this.#ask('rename', from, options, {
      operation: 'rename',
      flags,
      second: pathBytes('files.rename', 'to', to),
    });
  }

  /** A symbolic link at `path`; `target` is not looked at. */
  async symlink(target: SandboxPath, path: SandboxPath, options: FileOptions = {}): Promise<void> {
    validateFileOptions('files.symlink', options, []);
    const second = pathBytes('files.symlink', 'target', target, true);
    await this.#ask('make a link at', path, options, { operation: 'link', second });
  }

  /** Where a symbolic link leads. It is the guest's word: nothing to be used outside. */
  async readlink(path: SandboxPath, options: FileOptions = {}): Promise<string> {
    validateFileOptions('files.readlink', options, []);
    return (await this.#ask('read the link', path, options, { operation: 'readLink' })).payload.toString(
      'utf8',
    );
  }

  /** Opened with the first read; errors come as the stream's, as SandboxErrors. */
  createReadStream(path: SandboxPath, options: ReadStreamOptions = {}): ReadStream {
    validateFileOptions('files.createReadStream', options, ['start', 'end']);
    const { signal, start, end } = options;
    const request: FileRequest = { operation: 'open', flags: fileFlags.read };
    return this.#stream('read', path, signal, request, (fs) =>
      createReadStream('', {
        fs: { ...fs, read: readFile },
        ...(start === undefined ? {} : { start }),
        ...(end === undefined ? {} : { end }),
      }),
    );
  }

  /** Opened at once; errors come as the stream's, as SandboxErrors. */
  createWriteStream(path: SandboxPath, options: WriteOptions = {}): WriteStream {
    validateFileOptions('files.createWriteStream', options, ['append', 'exclusive', 'mode']);
    return this.#stream('write', path, options.signal, openForWriting(options), (fs) =>
      createWriteStream('', { fs: { ...fs, write: writeFile }, flags: options.append ? 'a' : 'w' }),
    );
  }

  /**
   * Changes of a file, or of a folder and what is directly in it, until the signal is aborted, the loop is left or the sandbox is closed.
   * What comes while nobody asks is kept up to a bound; then an event of the type 'overflow' says that some are missing.
   */
  watch(path: SandboxPath, options: FileOptions = {}): AsyncIterableIterator<FileEvent> {
    validateFileOptions('files.watch', options, []);
    const bytes = pathBytes('files.watch', 'path', path);
    const start = async (): Promise<{ watches: FileWatches; number: number }> => {
      const { value } = await this.#ask('watch', bytes, options, { operation: 'watch' });
      return { watches: await this.#fileWatches(), number: Number(value) };
    };
    return FileWatches.iterate(start, options.signal, this.#closing.signal);
  }

  /** @internal Ends everything that is under way. */
  async close(): Promise<void> {
    this.#closing.abort(closedError());
    // An error that nobody listens for would end this process.
    for (const stream of this.#streams)
      stream.destroy((stream as Writable).listenerCount('error') > 0 ? closedError() : undefined);
    const client = await this.#client?.catch(() => undefined);
    await client?.close(closedError());
    await Promise.allSettled(this.#open);
  }

  async #fileWatches(): Promise<FileWatches> {
    this.#watches ??= new FileWatches(await this.#reach());
    return this.#watches;
  }

  /** The process inside, started with the first call and again when somebody has ended it. */
  #reach(): Promise<FilesClient> {
    if (!this.#client) {
      const started = FilesClient.start(this.#keeper);
      this.#client = started;
      const forget = (): void => {
        if (this.#client === started) this.#client = undefined;
        this.#watches = undefined;
      };
      started.then((client) => {
        client.onEnd = (error) => {
          this.#watches?.end(error);
          forget();
        };
      }, forget);
    }
    return this.#client;
  }

  #mustGoOn(verb: string, path: SandboxPath, signal: AbortSignal | undefined): void {
    if (this.#closing.signal.aborted) throw closedError();
    if (signal?.aborted)
      throw new SandboxError('ERR_ABORTED', `Did not ${verb} ${show(path)}: it was aborted`, {
        cause: signal.reason,
      });
  }

  /** One request. `accepted`: errors that are answers. A descriptor is the caller's to close. */
  async #ask(
    verb: string,
    path: SandboxPath,
    { signal }: FileOptions,
    request: FileRequest,
    accepted: readonly number[] = [],
  ) {
    const bytes = pathBytes(`files.${verb}`, 'path', path);
    this.#mustGoOn(verb, path, signal);
    const client = await this.#reach();
    const answering = client.request({ ...request, path: bytes });
    const answer = await (signal ? unlessAborted(answering, signal) : answering);
    if (answer === undefined) {
      this.#mustGoOn(verb, path, signal);
      throw closedError();
    }
    if (answer.error !== 0 && !accepted.includes(answer.error))
      throw fileError(verb, String(path), answer.error);
    return answer;
  }

  /** Opens a file, does something with it and closes it, whatever happens. */
  #run<T>(
    verb: string,
    path: SandboxPath,
    options: FileOptions,
    act: (fd: number, stat: FileStat) => Promise<T>,
    request: FileRequest,
  ): Promise<T> {
    const work = (async () => {
      const { fd, payload } = await this.#ask(verb, path, options, request);
      if (fd === undefined) throw tooMany(verb, path);
      try {
        return await act(fd, decodeFileStat(payload) ?? wrongAnswer(verb, path));
      } catch (error) {
        throw error instanceof SandboxError
          ? error
          : fileError(verb, String(path), Math.abs((error as NodeJS.ErrnoException).errno ?? 5));
      } finally {
        native().addon.closeFd(fd);
      }
    })();
    this.#open.add(work);
    const done = (): unknown => this.#open.delete(work);
    work.then(done, done);
    return work;
  }

  #stream<T extends ReadStream | WriteStream>(
    verb: string,
    path: SandboxPath,
    signal: AbortSignal | undefined,
    request: FileRequest,
    make: (fs: OpenAndClose) => T,
  ): T {
    pathBytes(`files.${verb}`, 'path', path);
    const open = async (): Promise<number> => {
      const { fd } = await this.#ask(verb, path, { signal }, request);
      if (fd === undefined) throw tooMany(verb, path);
      return fd;
    };
    const stream = make({
      open: (
        _path: unknown,
        _flags: unknown,
        _mode: unknown,
        done: (error: unknown, fd?: number) => void,
      ) => {
        open().then(
          (fd) => done(null, fd),
          (error) => done(error),
        );
      },
      close: (fd: number, done: (error: unknown) => void) => {
        native().addon.closeFd(fd);
        done(null);
      },
    });
    const onAbort = (): void =>
      void stream.destroy(
        new SandboxError('ERR_ABORTED', `Stopped to ${verb} ${show(path)}: it was aborted`, {
          cause: signal?.reason,
        }),
      );
    this.#streams.add(stream);
    (stream as Writable).once('close', () => {
      this.#streams.delete(stream);
      signal?.removeEventListener('abort', onAbort);
    });
    signal?.addEventListener('abort', onAbort, { once: true });
    if (signal?.aborted) onAbort();
    return stream;
  }
}

interface OpenAndClose {
  open(path: unknown, flags: unknown, mode: unknown, done: (error: unknown, fd?: number) => void): void;
  close(fd: number, done: (error: unknown) => void): void;
}

function openForWriting({ append, exclusive, mode }: WriteOptions): FileRequest {
  const kind = (append ? fileFlags.append : fileFlags.truncate) | (exclusive ? fileFlags.exclusive : 0);
  return { operation: 'open', flags: fileFlags.write | fileFlags.create | kind, mode: mode ?? 0o644 };
}

/** undefined when the signal was first; a descriptor that comes later is closed. */
async function unlessAborted<T extends { fd: number | undefined }>(
  answering: Promise<T>,
  signal: AbortSignal,
): Promise<T | undefined> {
  let stop: (() => void) | undefined;
  const aborted = new Promise<undefined>((resolve) => {
    stop = () => resolve(undefined);
    signal.addEventListener('abort', stop, { once: true });
  });
  const first = await Promise.race([answering, aborted]);
  if (stop) signal.removeEventListener('abort', stop);
  if (first === undefined)
    answering.then(
      ({ fd }) => fd !== undefined && native().addon.closeFd(fd),
      () => {},
    );
  return first;
}

const show = (path: SandboxPath): string =>
  JSON.stringify(typeof path === 'string' ? path : Buffer.from(path).toString());

/** The process inside may have been taken over by a guest. */
function wrongAnswer(verb: string, path: SandboxPath): never {
  throw new SandboxError('ERR_SYSTEM', `Cannot ${verb} ${show(path)}: what came back is no answer`, {
    errno: 5,
  });
}

/** The kernel leaves a descriptor out when this process can have no more (unix(7)). */
const tooMany = (verb: string, path: SandboxPath): SandboxError =>
  new SandboxError('ERR_SYSTEM', `Cannot ${verb} ${show(path)}: this process can have no more descriptors`, {
    errno: 24,
  });
