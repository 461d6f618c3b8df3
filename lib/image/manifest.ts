/** Which image of a layout or archive is meant, and what it consists of: index.json (OCI) or manifest.json (docker save). */
import { type Digest, hashFor, mustMatch, parseDigest } from './digest.js';
import { invalid, notFound, tooLarge, unsupported } from './errors.js';
import { type Json, list, object, parse, parseObject, text, texts } from './json.js';
import { indexDepth, type Limits } from './limits.js';
import { type Blob, type ImageSource, readSmall } from './source.js';

export interface Layer {
  blob: Blob;
  /** Of the blob, compressed or not. docker save gives none: there the configuration's diff_ids tell. */
  digest: Digest | undefined;
}

export interface Chosen {
  /** The sha256 of the configuration: docker's image id. */
  id: Digest;
  config: Buffer;
  layers: Layer[];
  /** The names it has in the archive. */
  references: string[];
}

const indexTypes = new Set([
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
]);
const manifestTypes = new Set([
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
]);
const layerType =
  /^application\/vnd\.(oci\.image\.layer\.v1\.tar|docker\.image\.rootfs\.diff\.tar)([.+](gzip|zstd))?$/;
const nameKeys = ['io.containerd.image.name', 'org.opencontainers.image.ref.name'];

interface Descriptor {
  digest: Digest;
  size: number;
  mediaType: string;
  names: string[];
  platform: Json | undefined;
  isAttestation: boolean;
}

function descriptor(value: unknown, what: string): Descriptor {
  const { digest, size, mediaType, annotations, platform, urls } = object(value, what);
  if (!Number.isSafeInteger(size) || (size as number) < 0) throw invalid(`${what} has no size`);
  const notes = annotations === undefined || annotations === null ? {} : object(annotations, what);
  if (list(urls, what).length > 0)
    throw unsupported(`${what} is to be fetched from elsewhere`, 'Fetch it with: skopeo copy.');
  return {
    digest: parseDigest(digest),
    size: size as number,
    mediaType: text(mediaType, what),
    names: nameKeys.map((key) => notes[key]).filter((name): name is string => typeof name === 'string'),
    platform: platform === undefined || platform === null ? undefined : object(platform, what),
    isAttestation: notes['vnd.docker.reference.type'] !== undefined,
  };
}

/** The blob behind a descriptor; its size is as it says, its digest is compared by whoever reads it. */
function blobOf(source: ImageSource, { digest, size }: Descriptor): Blob {
  const blob = source.blob(digest);
  if (blob.size !== size) throw invalid(`the blob ${digest.text} has ${blob.size} bytes and not ${size}`);
  return blob;
}

async function verified(source: ImageSource, from: Descriptor, what: string): Promise<Buffer> {
  const bytes = await readSmall(blobOf(source, from), from.digest.text);
  mustMatch(from.digest, hashFor(from.digest).update(bytes), what);
  return bytes;
}

function runsHere({ platform, isAttestation }: Descriptor): boolean {
  if (isAttestation) return false;
  return platform === undefined || (platform.os === 'linux' && platform.architecture === 'amd64');
}

/** Plain amd64 before its later variants, which not every processor can run. */
const variantOrder = ({ platform }: Descriptor): number => {
  const [, version] = /^v(\d)$/.exec(String(platform?.variant ?? 'v1')) ?? [];
  return version === undefined ? 9 : Number(version);
};

/** `reference` as docker writes it: "alpine" is "docker.io/library/alpine:latest". */
function spellings(reference: string): string[] {
  const tagged = /:[^/]*$/.test(reference) ? reference : `${reference}:latest`;
  const all = [reference, tagged, `docker.io/${tagged}`, `docker.io/library/${tagged}`];
  return all;
}

function matches(names: readonly string[], reference: string): boolean {
  const wanted = spellings(reference);
  // podman puts localhost/ before names without a registry, and an OCI layout may have the tag alone.
  return names.some(
    (name) =>
      wanted.includes(name) ||
      spellings(name).some((spelling) => wanted.includes(spelling)) ||
      name === `localhost/${wanted[1]}`,
  );
}

function pick<T extends { names: string[] }>(
  found: T[],
  reference: string | undefined,
  isDigest: (entry: T) => boolean,
  path: string,
): T[] {
  if (reference === undefined) return found;
  const chosen = found.filter((entry) => isDigest(entry) || matches(entry.names, reference));
  if (chosen.length > 0) return chosen;
  const names = found.flatMap((entry) => entry.names);
  throw notFound(
    `there is no ${JSON.stringify(reference)} in it`,
    names.length > 0
      ? `It has: ${names.slice(0, 20).join(', ')}.`
      : 'It has no names: leave the reference out.',
    path,
  );
}

function mustBeOne<T>(found: T[], names: string[], path: string): T {
  if (found.length === 1) return found[0] as T;
  if (found.length === 0)
    throw notFound(
      'it holds none for linux/amd64',
      'Fetch it with: skopeo copy --override-os linux --override-arch amd64.',
      path,
    );
  throw notFound('it holds several', `Name one (PATH:REFERENCE): ${names.slice(0, 20).join(', ')}.`, path);
}

async function fromIndex(
  source: ImageSource,
  bytes: Buffer,
  reference: string | undefined,
  limits: Limits,
): Promise<Chosen> {
  let found = list(parseObject(bytes, 'index.json').manifests, 'index.json').map((value) =>
    descriptor(value, 'an entry of index.json'),
  );
  found = pick(found, reference, ({ digest }) => digest.text === reference, source.path);
  const references = [...new Set(found.flatMap(({ names }) => names))];
  for (let depth = 0; ; depth++) {
    const usable = found.filter(runsHere).sort((a, b) => variantOrder(a) - variantOrder(b));
    // Of one list with platforms the first will do; images beside one another must be told apart.
    const sameImage = depth > 0 || new Set(usable.map(({ digest }) => digest.text)).size === 1;
    const one = mustBeOne(
      sameImage || (usable.some(({ platform }) => platform) && references.length < 2)
        ? usable.slice(0, 1)
        : usable,
      references,
      source.path,
    );
    const json = parseObject(await verified(source, one, 'a manifest'), 'a manifest');
    const type = text(json.mediaType, 'a manifest') || one.mediaType;
    if (indexTypes.has(type) || (!manifestTypes.has(type) && json.manifests !== undefined)) {
      if (depth === indexDepth) throw invalid(`it has more than ${indexDepth} indexes in one another`);
      found = list(json.manifests, 'an index').map((value) => descriptor(value, 'an entry of an index'));
      continue;
    }
    if (!manifestTypes.has(type))
      throw unsupported(
        `its manifest is of the type ${JSON.stringify(type)}`,
        'Copy it with: skopeo copy --format oci.',
      );
    return await fromManifest(source, json, [...new Set([...references, ...one.names])], limits);
  }
}

function layerList(value: unknown, { layers }: Limits): unknown[] {
  const found = list(value, "a manifest's layers", Number.POSITIVE_INFINITY);
  if (found.length > layers) throw tooLarge('layers', layers, `it has ${found.length} layers`);
  return found;
}

async function fromManifest(
  source: ImageSource,
  json: Json,
  references: string[],
  limits: Limits,
): Promise<Chosen> {
  const config = descriptor(json.config, "a manifest's configuration");
  const layers = layerList(json.layers, limits).map((value) => {
    const layer = descriptor(value, "a manifest's layer");
    if (!layerType.test(layer.mediaType))
      throw unsupported(
        `it has a layer of the type ${JSON.stringify(layer.mediaType)}`,
        'Copy it with: skopeo copy --dest-compress-format gzip --dest-force-compress-format.',
      );
    return { blob: blobOf(source, layer), digest: layer.digest };
  });
  return { id: config.digest, config: await verified(source, config, 'a configuration'), layers, references };
}

async function fromDockerSave(
  source: ImageSource,
  bytes: Buffer,
  reference: string | undefined,
  limits: Limits,
): Promise<Chosen> {
  const images = list(parse(bytes, 'manifest.json'), 'manifest.json').map((value) => {
    const image = object(value, 'an entry of manifest.json');
    return {
      config: text(image.Config, 'an entry of manifest.json'),
      names: texts(image.RepoTags, 'an entry of manifest.json'),
      layers: texts(layerList(image.Layers, limits), 'an entry of manifest.json'),
    };
  });
  const isId = ({ config }: { config: string }): boolean =>
    reference !== undefined && `sha256:${/[0-9a-f]{64}/.exec(config)?.[0]}` === reference;
  const found = pick(images, reference, isId, source.path);
  const { config, names, layers } = mustBeOne(
    found,
    found.flatMap((image) => image.names),
    source.path,
  );
  const content = await source.small(config);
  if (!content) throw invalid(`it has no ${JSON.stringify(config)}`);
  const hash = hashFor({ algorithm: 'sha256', hex: '', text: '' }).update(content);
  const id = parseDigest(`sha256:${hash.copy().digest('hex')}`);
  // "HEX.json" or "blobs/sha256/HEX"
  const [named] = /[0-9a-f]{64}/.exec(config) ?? [];
  if (named !== undefined) mustMatch(parseDigest(`sha256:${named}`), hash, 'a configuration');
  return {
    id,
    config: content,
    references: names,
    layers: layers.map((name) => {
      const blob = source.open(name);
      if (!blob) throw invalid(`it has no ${JSON.stringify(name)}`);
      return { blob, digest: undefined };
    }),
  };
}

/** Throws ERR_IMAGE_NOT_FOUND, ERR_IMAGE_INVALID, ERR_IMAGE_UNSUPPORTED. */
export async function choose(
  source: ImageSource,
  reference: string | undefined,
  limits: Limits,
): Promise<Chosen> {
  // docker's newer archives are both; what it was given as a name is in manifest.json.
  const manifest = await source.small('manifest.json');
  if (manifest) return await fromDockerSave(source, manifest, reference, limits);
  const index = await source.small('index.json');
  if (index) return await fromIndex(source, index, reference, limits);
  throw notFound(
    'it has neither index.json nor manifest.json',
    'Give an OCI image layout or an archive made by docker save, podman save or skopeo copy; for a root folder use `directory`.',
    source.path,
  );
}
