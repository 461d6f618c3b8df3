/**
 * What the harness plants on the host beside a sample, which no sandbox shows: files, a process, a listening port and an abstract socket. After the run
 * it looks whether they are as they were. Attacks of the corpus are told where they are.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { lstatSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { basename, join } from 'node:path';
import { native } from '../native.js';
import type { Told } from './attack.js';
import { abandonedFolders, killByEnvironment, makeFolder, removeFolder } from './leftovers.js';

const secretIn = (folder: string): string => join(folder, 'secret');

/** What tells an attack's processes from all others. */
export const markOf = (secret: string): string => `ATTACK_SECRET=${secret}`;

/** Ends the attacks of runs that were killed, and removes what was planted for them. */
export function removeAbandonedCanaries(): void {
  const folders = abandonedFolders('canary');
  if (folders.length === 0) return;
  killByEnvironment(new Set(folders.map((folder) => markOf(secretIn(folder)))));
  for (const folder of folders) removeFolder(folder);
}

export class Canaries implements AsyncDisposable {
  readonly #folder: string;
  readonly #token = `not to be seen, not to be changed: ${randomBytes(16).toString('hex')}\n`;
  readonly #server: Server;
  readonly #abstract: Server;
  #process: ChildProcess | undefined;
  #visits = 0;

  private constructor() {
    this.#folder = makeFolder('canary');
    this.#server = this.#serve();
    this.#abstract = this.#serve();
  }

  #serve(): Server {
    return createServer((socket) => {
      this.#visits++;
      socket.on('error', () => {}).end(this.#token);
    }).unref();
  }

  /** Rejects with the system's errors and ERR_NATIVE_NOT_BUILT, with nothing left. */
  static async plant(): Promise<Canaries> {
    const canaries = new Canaries();
    try {
      // Only where it lies protects the file, not its permissions.
      await chmod(canaries.#folder, 0o755);
      for (const path of [canaries.#secret, canaries.#spare]) {
        writeFileSync(path, canaries.#token);
        await chmod(path, 0o666);
      }
      canaries.#server.listen({ port: 0, host: '127.0.0.1' });
      await once(canaries.#server, 'listening');
      canaries.#abstract.listen({ path: `\0${canaries.#abstractName}` });
      await once(canaries.#abstract, 'listening');
      // It ends with this process, whatever ends this one.
      canaries.#process = spawn(native().keeperPath, ['stay'], { stdio: ['pipe', 'ignore', 'ignore'] });
      await once(canaries.#process, 'spawn');
      canaries.#process.unref();
      return canaries;
    } catch (error) {
      await canaries[Symbol.asyncDispose]();
      throw error;
    }
  }

  get #secret(): string {
    return secretIn(this.#folder);
  }

  /** Beside the secret: for attacks that remove, where the secret has to stay for the next one. */
  get #spare(): string {
    return join(this.#folder, 'spare');
  }

  get #abstractName(): string {
    return basename(this.#folder);
  }

  get told(): Told {
    return {
      ATTACK_SECRET: this.#secret,
      ATTACK_VICTIM: String(this.#process?.pid),
      ATTACK_NODE: String(process.pid),
      ATTACK_PORT: String((this.#server.address() as AddressInfo).port),
      ATTACK_ABSTRACT: this.#abstractName,
    };
  }

  /** What has been reached, in a sentence each. `output`: what the sample has written, as far as it was kept. */
  async reached(output: readonly Uint8Array[]): Promise<string[]> {
    // A connection that was made is told of in a later turn.
    await new Promise((resolve) => setImmediate(resolve));
    const found: string[] = [];
    for (const path of [this.#secret, this.#spare]) {
      try {
        const { mode, nlink } = lstatSync(path);
        const intact = readFileSync(path, 'utf8') === this.#token && (mode & 0o7777) === 0o666 && nlink === 1;
        if (!intact) found.push('a file of the host was changed');
      } catch (error) {
        found.push(`a file of the host was taken away (${(error as NodeJS.ErrnoException).code})`);
      }
    }
    if (readdirSync(this.#folder).length > 2) found.push('a file of the host was made');
    if (
      output.some((bytes) =>
        Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes(this.#token.trim()),
      )
    )
      found.push('a secret of the host was read');
    const victim = this.#process;
    if (!victim || victim.exitCode !== null || victim.signalCode !== null)
      found.push(`a process of the host was ended (${victim?.signalCode ?? `status ${victim?.exitCode}`})`);
    if (this.#visits > 0) found.push(`a port or socket of the host was reached, ${this.#visits} times`);
    return found;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process?.kill('SIGKILL');
    this.#server.close();
    this.#abstract.close();
    removeFolder(this.#folder);
  }
}
