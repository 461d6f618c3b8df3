/** Removes a folder of the cache, whatever modes an image has given to what is in it. Follows no links. */
import { chmodSync, lstatSync, opendirSync, rmdirSync, unlinkSync } from 'node:fs';

const join = (path: Buffer, name: Buffer): Buffer => Buffer.concat([path, Buffer.from('/'), name]);

/** Nothing where there is nothing. */
export function removeTree(path: string): void {
  const start = Buffer.from(path);
  const status = lstatSync(start, { throwIfNoEntry: false });
  if (!status) return;
  if (status.isDirectory()) removeFolder(start);
  else unlinkSync(start);
}

function removeFolder(path: Buffer): void {
  chmodSync(path, 0o700);
  const folders: Buffer[] = [];
  // `latin1` keeps the bytes of names.
  const listing = opendirSync(path as unknown as string, { encoding: 'latin1' as BufferEncoding });
  try {
    for (let entry = listing.readSync(); entry; entry = listing.readSync()) {
      const child = join(path, Buffer.from(entry.name, 'latin1'));
      if (entry.isDirectory()) folders.push(child);
      else unlinkSync(child);
    }
  } finally {
    listing.closeSync();
  }
  for (const folder of folders) removeFolder(folder);
  rmdirSync(path);
}
