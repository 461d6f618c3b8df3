/** An initial RAM file system: a cpio archive in the "newc" format (Linux: Documentation/driver-api/early-userspace). */
import { readFileSync } from 'node:fs';

export class Archive {
  /** @type {Buffer[]} */
  #parts = [];
  #inode = 1;
  /** @type {Set<string>} */
  #directories = new Set();

  /** @param {string} path @param {number} mode @param {Buffer} data */
  #entry(path, mode, data) {
    const name = Buffer.from(`${path}\0`);
    const fields = [this.#inode++, mode, 0, 0, 1, 0, data.length, 0, 0, 0, 0, name.length, 0];
    const header = Buffer.from(`070701${fields.map((n) => n.toString(16).padStart(8, '0')).join('')}`);
    const pad = (/** @type {number} */ size) => Buffer.alloc((4 - (size % 4)) % 4);
    this.#parts.push(header, name, pad(header.length + name.length), data, pad(data.length));
  }

  /** Adds a directory and its parents. @param {string} path */
  directory(path) {
    const parts = path.split('/').filter(Boolean);
    for (let n = 1; n <= parts.length; n++) {
      const name = parts.slice(0, n).join('/');
      if (this.#directories.has(name)) continue;
      this.#directories.add(name);
      this.#entry(name, 0o040755, Buffer.alloc(0));
    }
  }

  /** @param {string} path @param {Buffer | string} data @param {number} mode */
  file(path, data, mode = 0o755) {
    const name = path.replace(/^\/+/, '');
    this.directory(name.split('/').slice(0, -1).join('/'));
    this.#entry(name, 0o100000 | mode, Buffer.from(data));
  }

  /** @param {string} path @param {string} from  a file of this machine */
  copy(path, from) {
    this.file(path, readFileSync(from));
  }

  bytes() {
    this.#entry('TRAILER!!!', 0, Buffer.alloc(0));
    return Buffer.concat(this.#parts);
  }
}
