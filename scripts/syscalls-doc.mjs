// Writes docs/syscalls.md and lib/syscall-rows.ts from native/monitor/syscalls.def; with --check only says (by exit
// status 1) whether they are stale.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const source = join(root, 'native/monitor/syscalls.def');
const document = 'docs/syscalls.md';
const module = 'lib/syscall-rows.ts';

const classes = {
  PASS: 'pass',
  REWRITE: 'canon',
  CANON: 'canon',
  EMULATE: 'emulate',
  INGUEST: 'inguest',
  DENY: 'deny',
  ABSENT: 'absent',
};
const meanings = {
  pass: 'checked, then the same call on the host',
  canon: 'checked, then a modern equivalent on the host',
  emulate: 'done by the monitor, with host calls of its own choice',
  inguest: 'answered inside the VM while it is called often, else as pass',
  deny: 'always fails with the errno shown',
  absent: 'always fails with the errno shown, on Linux as well',
};

// `text` at the commas that are outside parentheses and quotes.
function splitArguments(text) {
  const parts = [];
  let depth = 0;
  let quoted = false;
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (c === '"' && text[i - 1] !== '\\') quoted = !quoted;
    if (quoted) continue;
    if (c === '(') depth++;
    if (c === ')') depth--;
    if (c === ',' && depth === 0) {
      parts.push(text.slice(start, i).trim());
      start = i + 1;
    }
  }
  parts.push(text.slice(start).trim());
  return parts;
}

// 'fd', 'buf', ... of ARGS(FD(fd), OUT_BUF(buf, count), ...).
function argumentNames(text, at) {
  const match = /^ARGS\((.*)\)$/.exec(text);
  if (!match) throw new Error(`syscalls.def:${at}: no arguments: ${text}`);
  if (match[1] === '') return [];
  return splitArguments(match[1]).map((argument) => /^\w+\((\w+)/.exec(argument)[1]);
}

// The call that a canonical row becomes.
function targetOf(macro, fields, note) {
  if (macro === 'REWRITE') return /^TO\((\w+)/.exec(fields[3])[1];
  if (macro === 'CANON') return /^By (\w+)/.exec(note)?.[1];
  return undefined;
}

function parseRow(line, at) {
  const match = /^([A-Z]+)\s*\((.*)\)$/.exec(line);
  if (!match || !(match[1] in classes)) throw new Error(`syscalls.def:${at}: not a row: ${line}`);
  const [, macro, inside] = match;
  const fields = splitArguments(inside);
  const fails = macro === 'DENY' || macro === 'ABSENT';
  const expected = fails ? 6 : 7;
  if (fields.length !== expected)
    throw new Error(`syscalls.def:${at}: ${fields.length} columns, not ${expected}`);
  const text = fields[expected - 1];
  if (!/^".*"$/.test(text)) throw new Error(`syscalls.def:${at}: the note is not a string`);
  const note = text.slice(1, -1).replaceAll('\\"', '"');
  const status = macro === 'DENY' ? 'denied' : fails ? 'full' : fields[5].toLowerCase();
  if (!['full', 'partial', 'denied'].includes(status))
    throw new Error(`syscalls.def:${at}: status ${status}`);
  if (status === 'partial' && note === '')
    throw new Error(`syscalls.def:${at}: partial, and the note does not say how`);
  return {
    number: Number(fields[0]),
    name: fields[1],
    class: classes[macro],
    family: fields[2],
    arguments: argumentNames(fields[expected - 2 - (fails ? 0 : 1)], at),
    target: targetOf(macro, fields, text.slice(1, -1)),
    rewritten: macro === 'REWRITE',
    status,
    note: fails ? `\`${fields[3]}\`. ${note}` : note,
  };
}

function readRows() {
  const rows = [];
  readFileSync(source, 'utf8')
    .split('\n')
    .forEach((line, index) => {
      if (/^[A-Z]+\s*\(/.test(line)) rows.push(parseRow(line, index + 1));
    });
  rows.forEach((row, i) => {
    if (i > 0 && row.number <= rows[i - 1].number)
      throw new Error(`syscalls.def: ${row.name} is out of order`);
  });
  return rows;
}

function countBy(rows, key) {
  const counts = new Map();
  for (const row of rows) counts.set(row[key], (counts.get(row[key]) ?? 0) + 1);
  return counts;
}

function render(rows) {
  const byClass = countBy(rows, 'class');
  const byStatus = countBy(rows, 'status');
  const lines = [
    '# System calls',
    '',
    '<!-- Generated from native/monitor/syscalls.def by scripts/syscalls-doc.mjs: change the table, not this file. -->',
    '',
    `Every x86-64 Linux system call up to Linux 6.18 has a row: ${rows.length} calls, of which`,
    `${byStatus.get('full') ?? 0} behave as in Linux, ${byStatus.get('partial') ?? 0} in part, and`,
    `${byStatus.get('denied') ?? 0} are denied. Any other number is \`ENOSYS\`.`,
    'All pointers are checked against the memory of the guest, and private descriptors look closed.',
    '',
    '| Class | Calls | Meaning |',
    '|---|---:|---|',
    ...Object.entries(meanings)
      .filter(([name]) => byClass.has(name))
      .map(([name, meaning]) => `| ${name} | ${byClass.get(name)} | ${meaning} |`),
    '',
    '| Number | Name | Class | Family | Status | Note |',
    '|---:|---|---|---|---|---|',
    ...rows.map((row) => {
      const note = row.note.replaceAll('|', '\\|');
      return `| ${row.number} | \`${row.name}\` | ${row.class} | ${row.family} | ${row.status} | ${note} |`;
    }),
  ];
  return `${lines.join('\n')}\n`;
}

function renderModule(rows) {
  const lines = [
    '// Generated from native/monitor/syscalls.def by scripts/syscalls-doc.mjs: change the table, not this file.',
    '',
    '/** For each call: number, kind, family, the call it is rewritten to or "-", its arguments. */',
    'export const syscallRows = {',
    ...rows.map((row) => {
      const kind = row.rewritten ? 'rewritten' : row.class;
      const words = [row.number, kind, row.family, row.target ?? '-', row.arguments.join(',')];
      return `  ${row.name}: '${words.join(' ').trimEnd()}',`;
    }),
    '} as const;',
  ];
  return `${lines.join('\n')}\n`;
}

function readIfThere(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
    return '';
  }
}

const [option] = process.argv.slice(2);
if (option !== undefined && option !== '--check') {
  console.error('usage: node scripts/syscalls-doc.mjs [--check]');
  process.exit(2);
}
const rows = readRows();
for (const [name, wanted] of [
  [document, render(rows)],
  [module, renderModule(rows)],
]) {
  const file = join(root, name);
  if (option !== '--check') {
    writeFileSync(file, wanted);
  } else if (readIfThere(file) !== wanted) {
    console.error(`${name} is stale; run: node scripts/syscalls-doc.mjs`);
    process.exitCode = 1;
  }
}
