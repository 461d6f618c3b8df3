/** What a sandbox with isolation has beside its programs: a keeper, and the image that it shows. */
import { SandboxFiles } from './files.js';
import type { PreparedImage, SandboxImage } from './image/rootfs.js';
import {
  type Description,
  defaultCwd,
  defaultEnv,
  describe,
  type IsolationOptions,
  isImage,
} from './isolation.js';
import { Keeper } from './keeper.js';

export class Isolated {
  readonly description: Description;
  readonly keeper: Keeper;
  readonly image: SandboxImage | undefined;
  /** What is closed with it. */
  readonly attached = new Set<AsyncDisposable>();
  readonly #cwd: string | undefined;
  #files: SandboxFiles | undefined;
  readonly #release: (() => void) | undefined;

  /** Rejects as Keeper.start() and holdImage() do, with nothing left. Pre: the options are valid. */
  static async create(options: IsolationOptions): Promise<Isolated> {
    const image = isImage(options.rootfs)
      ? await (await import('./image/rootfs.js')).prepareImage(options)
      : undefined;
    try {
      const description = describe(image?.isolation ?? options, image?.knownIds);
      return new Isolated(description, await Keeper.start(description), image);
    } catch (error) {
      image?.release();
      throw error;
    }
  }

  private constructor(description: Description, keeper: Keeper, image: PreparedImage | undefined) {
    this.description = description;
    this.keeper = keeper;
    this.image = image && { id: image.id, config: image.config, env: image.env };
    this.#cwd = image?.cwd;
    this.#release = image?.release;
  }

  /** Where a program starts when the caller does not say. */
  get cwd(): string {
    return this.#cwd ?? defaultCwd(this.description);
  }

  /** A program's environment when the caller does not say. */
  get env(): NodeJS.ProcessEnv {
    return this.image?.env ?? defaultEnv();
  }

  /** Its files, for Sandbox.files. */
  get files(): SandboxFiles {
    this.#files ??= new SandboxFiles(this.keeper);
    return this.#files;
  }

  /** Pre: no program is running in it. */
  async close(): Promise<void> {
    await Promise.all([...this.attached].map((one) => one[Symbol.asyncDispose]()));
    await this.#files?.close();
    await this.keeper.close();
    this.#release?.();
  }
}
