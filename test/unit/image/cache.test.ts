/** The cache of images: processes that meet there or end there, and what manages it. */
import { spawn } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { holdImage, type ImageOptions } from '../../../lib/image/load.js';
import { listImages, loadImage, pruneImages, removeImage } from '../../../lib/index.js';
import { cached, load, newCache, place, simple } from '../../helpers/image-cache.js';
import { type ImageSpec, tar, writeLayout } from '../../helpers/images.js';

describe('the cache', () => {
  const library = fileURLToPath(new URL('../../../dist/index.js', import.meta.url));
  const big = (): ImageSpec => ({
    layers: [
      tar(Array.from({ length: 3000 }, (_, i) => ({ name: `d${i % 50}/f${i}`, content: `${i}`.repeat(50) }))),
    ],
  });
  const loadElsewhere = (path: string, cache: string): ReturnType<typeof spawn> =>
    spawn(
      process.execPath,
      [
        '--input-type=module',
        '-e',
        `import { loadImage } from ${JSON.stringify(library)}; console.log((await loadImage(${JSON.stringify({ path, cache })})).id);`,
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );

  it('is filled once by processes that come at the same time', async () => {
    const cache = newCache();
    const { path, config } = writeLayout(place(), big());
    const outcomes = await Promise.all(
      Array.from({ length: 4 }, async () => {
        const child = loadElsewhere(path, cache);
        let text = '';
        child.stdout?.on('data', (chunk) => (text += chunk));
        const [status] = await new Promise<[number]>((resolve) =>
          child.on('close', (code) => resolve([code ?? -1])),
        );
        return `${status} ${text}`;
      }),
    );
    expect(outcomes).toEqual(Array.from({ length: 4 }, () => `0 ${config}\n`));
    expect(cached(cache)).toEqual([config.slice(7)]);
    expect((await load({ path, cache })).tree.filter((line) => / f /.test(line))).toHaveLength(3003);
  });

  it('is filled once by calls at the same time', async () => {
    const cache = newCache();
    const { path, config } = writeLayout(place(), big());
    const found = await Promise.all(Array.from({ length: 5 }, () => loadImage({ path, cache })));
    expect(new Set(found.map(({ id }) => id))).toEqual(new Set([config]));
    expect(cached(cache)).toEqual([config.slice(7)]);
  });

  it('takes nothing for complete that a killed process has left, and clears it away', async () => {
    const cache = newCache();
    const { path, config } = writeLayout(place(), big());
    let killedInside = 0;
    for (let round = 0; round < 12; round++) {
      const child = loadElsewhere(path, cache);
      const ended = new Promise((resolve) => child.on('close', resolve));
      for (let waited = 0; waited < 400 && !cached(cache).some((name) => name.startsWith('.')); waited++)
        await sleep(5);
      await sleep(round * 8);
      child.kill('SIGKILL');
      await ended;
      const left = cached(cache);
      if (left.some((name) => name.startsWith('.'))) killedInside++;
      if (left.includes(config.slice(7))) break; // it was faster
      expect(await listImages({ cache })).toEqual([]);
    }
    expect(killedInside).toBeGreaterThan(0);
    const { tree } = await load({ path, cache });
    expect(tree.filter((line) => / f /.test(line))).toHaveLength(3003);
    expect(cached(cache)).toEqual([config.slice(7)]);
  });

  it('is left as it was when loading is aborted', async () => {
    const cache = newCache();
    const { path } = writeLayout(place(), big());
    const controller = new AbortController();
    const loading = loadImage({ path, cache, signal: controller.signal });
    setTimeout(() => controller.abort(new Error('enough')), 20);
    await expect(loading).rejects.toMatchObject({ code: 'ERR_ABORTED', cause: { message: 'enough' } });
    expect(cached(cache)).toEqual([]);
    await expect(loadImage({ path, cache, signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'ERR_ABORTED',
    });
  });

  it('lists, removes and prunes, but nothing that is in use', async () => {
    const cache = newCache();
    const [one, two, three] = ['1', '2', '3'].map((content) => writeLayout(place(), simple(content)));
    const ids = [];
    for (const layout of [one, two, three])
      ids.push((await loadImage({ path: layout?.path as string, cache })).id);
    expect((await listImages({ cache })).map(({ id }) => id).sort()).toEqual([...ids].sort());
    const held = await holdImage({ path: ids[0] as string, cache });
    await expect(removeImage(ids[0] as string, { cache })).rejects.toMatchObject({
      code: 'ERR_IMAGE_CACHE',
      errno: 16,
    });
    await removeImage((ids[1] as string).slice(7, 20), { cache });
    expect(await pruneImages({ cache, unusedForMs: 60_000 })).toEqual([]);
    expect((await pruneImages({ cache })).map(({ id }) => id)).toEqual([ids[2]]);
    held.release();
    held.release();
    await removeImage(ids[0] as string, { cache });
    expect(cached(cache)).toEqual([]);
    await expect(removeImage(ids[0] as string, { cache })).rejects.toMatchObject({
      code: 'ERR_IMAGE_NOT_FOUND',
    });
    for (const id of ['', 'abc', '../x', 'sha256:zzzz'])
      await expect(removeImage(id, { cache })).rejects.toMatchObject({
        code: 'ERR_INVALID_OPTION',
        path: 'id',
      });
  });

  it('must be this user’s alone', async () => {
    const cache = newCache();
    const { path } = writeLayout(place(), simple());
    await loadImage({ path, cache });
    chmodSync(join(cache, 'images-1'), 0o777);
    await expect(loadImage({ path, cache })).rejects.toMatchObject({
      code: 'ERR_IMAGE_CACHE',
      path: join(cache, 'images-1'),
    });
    await expect(loadImage({ path, cache: '/proc/nowhere' })).rejects.toMatchObject({
      code: 'ERR_IMAGE_CACHE',
    });
  });

  it.each([
    [{ path: 5 }, 'options.path'],
    [{ path: '/x', limits: { bytes: 0 } }, 'options.limits.bytes'],
    [{ path: '/x', limits: { depth: 1e9 } }, 'options.limits.depth'],
    [{ path: '/x', owners: 'me' }, 'options.owners'],
    [{ path: '/x', cache: '' }, 'options.cache'],
    [{ path: '/x', nothing: 1 }, 'options.nothing'],
  ])('refuses %o', async (options, path) => {
    await expect(loadImage(options as unknown as ImageOptions)).rejects.toMatchObject({
      code: 'ERR_INVALID_OPTION',
      path,
    });
  });
});
