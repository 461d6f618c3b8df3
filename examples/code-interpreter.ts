/**
 * A code interpreter for an agent: strings of code in, what came of them out. Each run is a sandbox of its own without a
 * network, with limits; files go in and come out.
 *
 *   npm run example -- code-interpreter                     the demonstration below
 *   npm run example -- code-interpreter python 'print(6*7)'
 */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { Sandbox, SandboxError } from 'barchan';

export type Language = 'python' | 'node';

export interface Code {
  language: Language;
  source: string;
  /** By their names; they lie in the working directory. */
  files?: Record<string, string | Uint8Array>;
  timeoutMs?: number;
}

export interface Outcome {
  /** 'done' for an exit status of 0. */
  status: 'done' | 'failed' | 'timeout' | 'too much output' | 'refused';
  stdout: string;
  stderr: string;
  /** What lies in the working directory afterwards and was not given. */
  files: Record<string, Buffer>;
  milliseconds: number;
}

const commands: Record<Language, (source: string) => string[]> = {
  python: (source) => ['/usr/bin/python3', '-I', '-c', source],
  node: (source) => [process.execPath, '-e', source],
};
const mostOutputBytes = 64 * 1024;
const mostFileBytes = 1024 * 1024;

export async function interpret({
  language,
  source,
  files = {},
  timeoutMs = 10_000,
}: Code): Promise<Outcome> {
  const folder = await mkdtemp(join(tmpdir(), 'interpreter-'));
  try {
    for (const [name, content] of Object.entries(files))
      await writeFile(join(folder, basename(name)), content);
    await using box = await Sandbox.create({
      network: 'none',
      mounts: [{ source: folder, target: '/tmp', readOnly: false }],
      cwd: '/tmp',
      env: { PATH: '/usr/bin:/bin', HOME: '/tmp' },
      rlimits: { fsize: mostFileBytes },
      timeoutMs,
      maxOutputBytes: mostOutputBytes,
    });
    const result = await box.exec(commands[language](source));
    const status = result.timedOut
      ? 'timeout'
      : result.truncated
        ? 'too much output'
        : result.exitCode === 0
          ? 'done'
          : 'failed';
    const written: Record<string, Buffer> = {};
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      // A link that the program made would be followed here, outside.
      if (entry.isFile() && !(entry.name in files))
        written[entry.name] = await readFile(join(folder, entry.name));
    }
    const { stdout, stderr, durationMs } = result;
    return { status, stdout, stderr, files: written, milliseconds: Math.round(durationMs) };
  } catch (error) {
    if (!(error instanceof SandboxError)) throw error;
    return { status: 'refused', stdout: '', stderr: error.message, files: {}, milliseconds: 0 };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function demonstrate(): Promise<void> {
  const data = 'city,rain\nOslo,120\nDakar,18\n';
  const table: [string, Code][] = [
    ['arithmetic', { language: 'python', source: 'print(sum(n * n for n in range(1000)))' }],
    [
      'files',
      {
        language: 'python',
        source:
          "rows = open('rain.csv').read().split()[1:]\nopen('wettest.txt', 'w').write(max(rows, key=lambda r: int(r.split(',')[1])))",
        files: { 'rain.csv': data },
      },
    ],
    ['node', { language: 'node', source: 'console.log([3, 1, 2].sort().join())' }],
    ['an error', { language: 'python', source: 'print(1 / 0)' }],
    ['for ever', { language: 'node', source: 'for (;;);', timeoutMs: 1500 }],
    ['too much', { language: 'python', source: "while True: print('x' * 1000)" }],
    [
      'the network',
      { language: 'python', source: "import socket; socket.create_connection(('1.1.1.1', 80))" },
    ],
  ];
  for (const [name, code] of table) {
    const { status, stdout, stderr, files } = await interpret(code);
    const shown = stdout.slice(0, 40).trim() || stderr.trim().split('\n').at(-1) || '';
    const kept = Object.entries(files).map(([file, bytes]) => `${file}: ${bytes}`);
    console.log(
      `${name}: ${status}${shown && ` (${shown.slice(0, 60)})`}${kept.map((text) => ` [${text}]`).join('')}`,
    );
  }
}

const [language, source] = process.argv.slice(2);
if ((language === 'python' || language === 'node') && source !== undefined) {
  console.log(JSON.stringify(await interpret({ language, source }), null, 2));
} else {
  await demonstrate();
}
