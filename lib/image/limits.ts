/** How much an image may ask for: what stands between a small file and a full disk. */

export interface ImageLimits {
  /** Bytes of all files together, holes and replaced files included; also of what a layer decompresses to. Default 16 GiB. */
  bytes?: number | undefined;
  /** Entries of all layers together. Default 1,000,000. */
  entries?: number | undefined;
  /** Bytes that a layer may have for each of its compressed ones, once it has more than 64 MiB. Default 200. */
  ratio?: number | undefined;
  /** Bytes of a path in the image. Default 2048. */
  pathBytes?: number | undefined;
  /** Folders in one another. Default 128. */
  depth?: number | undefined;
  /** Default 500. */
  layers?: number | undefined;
}

export type Limits = Required<{ [Name in keyof ImageLimits]: number }>;

export const defaultLimits: Limits = {
  bytes: 16 * 1024 ** 3,
  entries: 1_000_000,
  ratio: 200,
  pathBytes: 2048,
  depth: 128,
  layers: 500,
};

/** A path of the cache and one of the image make one that the kernel takes (PATH_MAX). */
export const greatestLimits: Limits = {
  bytes: Number.MAX_SAFE_INTEGER,
  entries: 100_000_000,
  ratio: 1_000_000,
  pathBytes: 3072,
  depth: 1024,
  layers: 10_000,
};

/** A layer that is smaller may have any ratio. */
export const freeRatioBytes = 64 * 1024 ** 2;
/** Of a manifest, an index or a configuration. */
export const jsonBytes = 4 * 1024 ** 2;
/** Of the entries of an archive that holds an image, and of manifests in one another. */
export const archiveEntries = 100_000;
export const indexDepth = 4;

export function withDefaults(limits: ImageLimits | undefined): Limits {
  const given = Object.entries(limits ?? {}).filter(([, value]) => value !== undefined);
  return { ...defaultLimits, ...Object.fromEntries(given) };
}
