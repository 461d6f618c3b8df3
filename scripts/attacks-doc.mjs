// Writes docs/attacks.md, the table of the corpus, from what each attack says of itself; with --check only compares.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { attacks, layers } from '../dist/harness/metadata.js';

const file = join(dirname(dirname(fileURLToPath(import.meta.url))), 'docs/attacks.md');

/** @param {import('../dist/harness/metadata.js').Control} control */
function shown(control) {
  if (control.kind === 'native') return 'works natively';
  if (control.kind === 'none') return control.reason;
  return `works with \`${JSON.stringify(control.options)}\``;
}

/** @param {string} text */
const cell = (text) => text.replaceAll('|', '\\|');

const all = attacks();
const lines = [
  '# Attacks',
  '',
  'Generated from `corpus/` by `node scripts/attacks-doc.mjs`. Each program tries something that must not work, under options',
  'where the layer named has to stop it; the control is the same program where that layer is away. After each, the host, Node.js',
  'and another sandbox are shown to be as they were (`test/security/corpus.test.ts`). How to write one:',
  '[corpus/README.md](../corpus/README.md).',
  '',
  `${all.length} attacks: ${layers
    .map((layer) => [layer, all.filter(({ stoppedBy }) => stoppedBy === layer).length])
    .filter(([, count]) => count !== 0)
    .map(([layer, count]) => `${count} ${layer}`)
    .join(', ')}.`,
  '',
  '| Attack | Tries | Technique, weakness | Stopped by | Control |',
  '|---|---|---|---|---|',
  ...all.map(
    (attack) =>
      `| ${attack.name} | ${cell(attack.summary)} | ${[attack.technique, attack.weakness, attack.cve].filter(Boolean).join(', ')} | ${attack.stoppedBy} | ${cell(shown(attack.control))} |`,
  ),
];
const text = `${lines.join('\n')}\n`;
if (!process.argv.includes('--check')) {
  writeFileSync(file, text);
} else if (readFileSync(file, 'utf8') !== text) {
  console.error('docs/attacks.md is not what corpus/ says: run node scripts/attacks-doc.mjs');
  process.exitCode = 1;
}
