/** barchan image */

import type { ImageLimits } from '../image/limits.js';
import type { ImageInfo } from '../image/manage.js';
import { parseImage } from './image-run.js';
import { print } from './output.js';
import { splitCommand, usageError } from './usage.js';

const options = {
  json: { type: 'boolean' },
  'image-cache': { type: 'string' },
  owners: { type: 'string' },
  limit: { type: 'string', multiple: true },
  'unused-for': { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

type Values = ReturnType<typeof splitCommand<typeof options>>['values'];

const actions = ['load', 'list', 'remove', 'prune'] as const;
const hint = 'Try: barchan help image';

export async function main(args: string[]): Promise<void> {
  const { values, command } = splitCommand('image', mixed(args), options);
  if (values.help || command.length === 0) {
    const { help } = await import('./help.js');
    print(help('image'));
    return;
  }
  const [action = '', ...words] = command;
  if (!(actions as readonly string[]).includes(action))
    usageError(`image: there is no ${JSON.stringify(action)}`, hint);
  await perform(action as (typeof actions)[number], words, values);
}

/** Options may stand before and after the action and its words. */
function mixed(args: string[]): string[] {
  const flags: string[] = [];
  const words: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const word = args[i] as string;
    if (!word.startsWith('-') || word === '-') {
      words.push(word);
      continue;
    }
    flags.push(word);
    const name = word.slice(2);
    const takesValue = Object.entries(options).some(
      ([known, { type }]) => known === name && type === 'string',
    );
    if (takesValue && i + 1 < args.length) flags.push(args[++i] as string);
  }
  return [...flags, '--', ...words];
}

async function perform(action: (typeof actions)[number], words: string[], values: Values): Promise<void> {
  const { loadImage, listImages, removeImage, pruneImages } = await import('../image/manage.js');
  const where = { cache: values['image-cache'], owners: values.owners as 'keep' | 'caller' | undefined };
  const needsWords = action === 'load' || action === 'remove';
  if (needsWords !== words.length > 0) {
    usageError(
      needsWords
        ? `image ${action}: no image was given`
        : `image ${action}: ${JSON.stringify(words[0])} is not expected`,
      hint,
    );
  }
  if (action === 'remove') {
    for (const id of words) await removeImage(id, where);
    return;
  }
  let images: ImageInfo[] = [];
  if (action === 'load') {
    for (const word of words)
      images.push(await loadImage({ ...parseImage(word), ...where, limits: limits(values.limit) }));
  } else if (action === 'list') {
    images = await listImages(where);
  } else {
    images = await pruneImages({ ...where, unusedForMs: days(values['unused-for']) });
  }
  print(values.json ? `${JSON.stringify(images, undefined, 2)}\n` : table(images));
}

function days(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,5}$/.test(text))
    usageError(`image prune: --unused-for must be a number of days, not ${JSON.stringify(text)}`, hint);
  return Number(text) * 86_400_000;
}

function limits(texts: string[] | undefined): ImageLimits | undefined {
  if (!texts) return undefined;
  return Object.fromEntries(
    texts.map((text) => {
      const [, name, value] = /^(\w+)=(\d+)$/.exec(text) ?? [];
      if (name === undefined)
        usageError(`image load: --limit must be NAME=NUMBER, not ${JSON.stringify(text)}`, hint);
      return [name, Number(value)];
    }),
  );
}

const mega = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

function table(images: ImageInfo[]): string {
  return images
    .map(({ id, bytes, loadedAt, references }) => {
      const [date = ''] = loadedAt.toISOString().split('T');
      return `${id.slice(7, 19)}  ${mega(bytes).padStart(10)}  ${date}  ${references.join(' ') || '-'}\n`;
    })
    .join('');
}
