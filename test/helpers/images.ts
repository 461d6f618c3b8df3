/** Writes tar archives and images byte by byte, also such as no sane program would write. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

export interface TarEntry {
  name: string;
  /** Default '0', a file; '5' where the name ends in "/". */
  type?: string;
  content?: string | Buffer;
  link?: string;
  mode?: number;
  uid?: number;
  gid?: number;
  mtime?: number;
  /** PAX records for this entry. */
  pax?: [string, string][];
  /** Instead of the content's. */
  size?: number;
  /** Last changes to the header, before its checksum. */
  edit?: (header: Buffer) => void;
  /** Last changes to it, after its checksum. */
  damage?: (header: Buffer) => void;
}

const pad = (bytes: Buffer): Buffer => Buffer.concat([bytes, Buffer.alloc(-bytes.length & 511)]);
const octal = (value: number, length: number): string => `${value.toString(8).padStart(length - 1, '0')}\0`;

export const paxRecord = (key: string, value: string): Buffer => {
  const body = Buffer.from(` ${key}=${value}\n`, 'latin1');
  let length = body.length + 1;
  while (String(length).length + body.length !== length) length = String(length).length + body.length;
  return Buffer.concat([Buffer.from(String(length)), body]);
};

export function tarEntry(entry: TarEntry): Buffer {
  const content = Buffer.from(entry.content ?? '');
  const before = entry.pax
    ? tarEntry({ name: 'pax', type: 'x', content: Buffer.concat(entry.pax.map(([k, v]) => paxRecord(k, v))) })
    : Buffer.alloc(0);
  const header = Buffer.alloc(512);
  header.write(entry.name, 0, 100, 'latin1');
  header.write(octal(entry.mode ?? 0o644, 8), 100);
  header.write(octal(entry.uid ?? 0, 8), 108);
  header.write(octal(entry.gid ?? 0, 8), 116);
  header.write(octal(entry.size ?? content.length, 12), 124);
  header.write(octal(entry.mtime ?? 1_000_000_000, 12), 136);
  header.write(entry.type ?? (entry.name.endsWith('/') ? '5' : '0'), 156, 1, 'latin1');
  header.write(entry.link ?? '', 157, 100, 'latin1');
  header.write('ustar\x0000', 257, 'latin1');
  entry.edit?.(header);
  header.fill(0x20, 148, 156);
  header.write(
    `${header
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, '0')}\0 `,
    148,
  );
  entry.damage?.(header);
  return Buffer.concat([before, header, pad(content)]);
}

export const endOfTar = Buffer.alloc(1024);

export const tar = (entries: readonly TarEntry[]): Buffer =>
  Buffer.concat([...entries.map(tarEntry), endOfTar]);

export const sha256 = (bytes: Buffer): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

export interface ImageSpec {
  layers: Buffer[];
  config?: Record<string, unknown>;
  /** Default 'gzip'. */
  compress?: 'gzip' | 'none';
  names?: string[];
  architecture?: string;
}

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

/** The parts of an image: blobs by digest, its manifest and its configuration. */
export function imageParts(spec: ImageSpec): {
  blobs: Map<string, Buffer>;
  manifest: string;
  manifestSize: number;
  config: string;
  layers: string[];
} {
  const blobs = new Map<string, Buffer>();
  const add = (bytes: Buffer): string => {
    blobs.set(sha256(bytes), bytes);
    return sha256(bytes);
  };
  const stored = spec.layers.map((layer) => (spec.compress === 'none' ? layer : gzipSync(layer)));
  const configBytes = json({
    architecture: spec.architecture ?? 'amd64',
    os: 'linux',
    config: spec.config ?? {},
    rootfs: { type: 'layers', diff_ids: spec.layers.map(sha256) },
  });
  const config = add(configBytes);
  const layers = stored.map(add);
  const manifestBytes = json({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: {
      mediaType: 'application/vnd.oci.image.config.v1+json',
      digest: config,
      size: configBytes.length,
    },
    layers: stored.map((bytes, i) => ({
      mediaType: `application/vnd.oci.image.layer.v1.tar${spec.compress === 'none' ? '' : '+gzip'}`,
      digest: layers[i],
      size: bytes.length,
    })),
  });
  return { blobs, manifest: add(manifestBytes), manifestSize: manifestBytes.length, config, layers };
}

export interface WrittenImage {
  path: string;
  /** Where a blob is. */
  blob(digest: string): string;
  config: string;
  manifest: string;
  layers: string[];
}

/** An OCI image layout as a folder. */
export function writeLayout(path: string, ...specs: ImageSpec[]): WrittenImage {
  mkdirSync(join(path, 'blobs/sha256'), { recursive: true });
  const all = specs.map((spec) => ({ spec, parts: imageParts(spec) }));
  const blob = (digest: string): string => join(path, 'blobs', digest.replace(':', '/'));
  for (const { parts } of all) for (const [digest, bytes] of parts.blobs) writeFileSync(blob(digest), bytes);
  const manifests = all.flatMap(({ spec, parts }) =>
    (spec.names ?? [undefined]).map((name) => ({
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      digest: parts.manifest,
      size: parts.manifestSize,
      ...(name === undefined ? {} : { annotations: { 'org.opencontainers.image.ref.name': name } }),
    })),
  );
  writeFileSync(join(path, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  writeFileSync(join(path, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests }));
  const { config, manifest, layers } = (all[0] as (typeof all)[0]).parts;
  return { path, blob, config, manifest, layers };
}

/** An archive as docker save wrote it before version 25. */
export function dockerSave(...specs: ImageSpec[]): Buffer {
  const entries: TarEntry[] = [];
  const manifest = specs.map((spec, number) => {
    const parts = imageParts({ ...spec, compress: 'none' });
    const config = `${parts.config.slice(7)}.json`;
    entries.push({ name: config, content: parts.blobs.get(parts.config) as Buffer });
    const layers = parts.layers.map((digest, i) => {
      const name = `${number}-${i}-${digest.slice(7, 20)}/layer.tar`;
      entries.push({ name, content: parts.blobs.get(digest) as Buffer });
      return name;
    });
    return { Config: config, RepoTags: spec.names ?? null, Layers: layers };
  });
  return tar([...entries, { name: 'manifest.json', content: JSON.stringify(manifest) }]);
}

export const busybox = ['/usr/bin/busybox', '/bin/busybox'].find((path) => existsSync(path));

/** A layer with busybox and the names of some of its programs. */
export function busyboxLayer(...programs: string[]): Buffer {
  if (busybox === undefined) throw new Error('busybox is not installed (Debian package busybox-static)');
  return tar([
    { name: 'bin/', mode: 0o755 },
    { name: 'bin/busybox', mode: 0o755, content: readFileSync(busybox) },
    ...programs.map((program) => ({ name: `bin/${program}`, type: '2', link: 'busybox' })),
    { name: 'etc/', mode: 0o755 },
    {
      name: 'etc/passwd',
      content: 'root:x:0:0::/root:/bin/sh\napp:x:1000:1001::/home/app:/bin/sh\n',
    },
    { name: 'etc/group', content: 'root:x:0:\nweb:x:33:\n' },
    { name: 'root/', mode: 0o700 },
    { name: 'home/app/', mode: 0o755, uid: 1000, gid: 1001 },
  ]);
}

/** Every path below a folder with what it is: for comparing trees. */
export function listTree(path: string): string[] {
  return execFileSync('find', ['.', '-mindepth', '1', '-printf', '%P %y %m %l\\n'], {
    cwd: path,
    encoding: 'latin1',
  })
    .split('\n')
    .filter(Boolean)
    .map((line) => line.trimEnd())
    .sort();
}
