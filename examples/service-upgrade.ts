/**
 * Does a service do anything new after an upgrade? `npm run example -- service-upgrade`.
 *
 * Two versions of a small service in C are built by gcc and asked the same. What is right is answered as before, so tests of answers
 * agree; the profile of the first version's behaviour shows the check that the second has lost, and whom it tells of requests.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import * as harness from 'barchan/harness';

/** Answers a name with the note of that name, and `stop` by ending. It goes into the background once it listens. */
const service = String.raw`
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void answer(FILE *client, const char *name) {
  char path[128], note[128] = "there is no such note\n";
  snprintf(path, sizeof path, "/srv/notes/%s", name);
#if VERSION == 1
  FILE *file = strchr(name, '/') ? 0 : fopen(path, "r");
#else
  FILE *file = fopen(path, "r");
#endif
  if (file) {
    fgets(note, sizeof note, file);
    fclose(file);
  }
  fputs(note, client);
}

static void count(const char *name) {
#if VERSION > 1
  struct sockaddr_in collector = {.sin_family = AF_INET, .sin_port = htons(8125)};
  inet_pton(AF_INET, "192.0.2.9", &collector.sin_addr);
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  sendto(fd, name, strlen(name), 0, (struct sockaddr *)&collector, sizeof collector);
  close(fd);
#endif
}

int main(void) {
  struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(7070)};
  here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  if (bind(listener, (struct sockaddr *)&here, sizeof here) || listen(listener, 8) || daemon(0, 0)) return 1;
  for (;;) {
    FILE *client = fdopen(accept(listener, 0, 0), "r+");
    char name[64] = "";
    if (!client || !fgets(name, sizeof name, client)) return 1;
    name[strcspn(name, "\n")] = 0;
    if (!strcmp(name, "stop")) return 0;
    count(name);
    answer(client, name);
    fclose(client);
  }
}
`;

const requests = `
/opt/notes/service || exit 1
for name in monday ../key friday stop; do
  exec 3<>/dev/tcp/127.0.0.1/7070 || exit 1
  echo $name >&3
  IFS= read -r note <&3 && echo "$name: $note"
done
exit 0
`;

async function use(version: number): Promise<harness.Verdict> {
  const folder = await mkdtemp(join(tmpdir(), 'service-'));
  try {
    const source = join(folder, 'service.c');
    await writeFile(source, service);
    await writeFile(join(folder, 'monday'), 'wash the sails\n');
    await writeFile(join(folder, 'key'), 'a key\n');
    const program = join(folder, 'service');
    await promisify(execFile)('gcc', ['-O1', `-DVERSION=${version}`, '-o', program, source]);
    const verdict = await harness.run(
      { script: requests, interpreter: '/bin/bash' },
      {
        name: `version ${version}`,
        mounts: [
          { source: program, target: '/opt/notes/service' },
          { source: join(folder, 'monday'), target: '/srv/notes/monday' },
          { source: join(folder, 'key'), target: '/srv/key' },
        ],
        network: 'loopback',
      },
    );
    if (verdict.exit.exitCode !== 0) throw new Error(`version ${version}: ${verdict.stderr.text}`);
    return verdict;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What a test of answers would look at. */
function answers({ stdout }: harness.Verdict): string {
  const lines = stdout.text.split('\n').filter((line) => /^(monday|friday):/.test(line));
  return JSON.stringify(lines);
}

const [stored, again, upgraded] = await Promise.all([use(1), use(1), use(2)]);
console.log(`answers: ${answers(stored)}`);
console.log(`the same from version 2: ${answers(stored) === answers(upgraded)}`);

const profile = harness.behaviour(stored);
for (const verdict of [again, upgraded]) {
  const changes = harness.compareBehaviour(profile, harness.behaviour(verdict));
  const found = changes.filter(({ kind }) => kind === 'new');
  console.log(`${verdict.sample.name}: ${found.length === 0 ? 'nothing new' : 'it does something new'}`);
  for (const { part, text } of found) console.log(`  ${part}: ${JSON.stringify(text)}`);
}
