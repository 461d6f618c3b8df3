/** Programs from Debian, unmodified: same output, exit status and death by signal as natively. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { expectSame, isolated, native } from '../helpers/differential.js';
import { bash, python, slow, slowTest, temporaryFolder } from '../helpers/programs.js';
import { needsProgram } from '../helpers/skip.js';

const folder = temporaryFolder('programs');

describe('busybox and coreutils', () => {
  it('static busybox', async (context) => {
    needsProgram(context, 'busybox', 'busybox-static');
    await expectSame(['busybox', 'sh', '-c', 'echo a; busybox seq 5 | busybox wc -l; exit 4']);
  });
  it('sort, uniq, cut, wc', () => expectSame(bash('seq 1000 | cut -c1 | sort | uniq -c | wc -lc')));
  it('ls and stat', () => expectSame(['ls', '-la', '/etc/apt']));
  it('find', () => expectSame(bash('find /usr/share/doc -maxdepth 1 -name "b*" | sort')));
  it('env', () => expectSame(['env', '-i', 'A=1', 'printenv', 'A']));
  it('false, and a missing file', () => expectSame(bash('false; echo $?; cat /nonexistent; echo $?')));
});

describe('bash', () => {
  it('pipelines and nesting', () => expectSame(bash('echo $(echo $(echo deep)) | tr a-z A-Z | rev')));
  it('here-documents', () => expectSame(bash('cat <<A; cat <<<text\nline $((6*7))\nA')));
  it('traps', () => expectSame(bash('trap "echo usr1" USR1; trap "echo bye" EXIT; kill -USR1 $$; echo on')));
  it('background jobs and wait', () =>
    expectSame(
      bash('for i in 1 2 3; do (exit $i) & p="$p $!"; done; for q in $p; do wait $q; echo $?; done'),
    ));
  it('job control', () => expectSame(bash('set -m; sleep 0.2 & fg %1 >/dev/null; echo $?; jobs')));
  it('subshells and exit status', () => expectSame(bash('(exit 3); echo $?; { exit 5; }')));
  it('death by SIGTERM', () => expectSame(bash('kill -TERM $$')));
  it('death by SIGKILL', () => expectSame(bash('kill -KILL $$')));
  it(
    '200 programs in sequence',
    () => expectSame(bash('for i in $(seq 200); do /bin/true || exit 9; done; echo done'), slow),
    slowTest,
  );
  it(
    '50 programs in parallel',
    () => expectSame(bash('for i in $(seq 50); do /bin/echo $i & done | sort -n; wait'), slow),
    slowTest,
  );
});

describe('python3', () => {
  it('arithmetic', () => expectSame(python('print(6*7)')));
  it(
    'threads',
    () =>
      expectSame(
        python(
          'import threading\nl=threading.Lock(); n=0\ndef f():\n global n\n for _ in range(2000):\n  with l: n+=1\nt=[threading.Thread(target=f) for _ in range(16)]\n[x.start() for x in t]; [x.join() for x in t]; print(n)',
        ),
        slow,
      ),
    slowTest,
  );
  it('subprocess', () =>
    expectSame(
      python(
        'import subprocess as s; print(s.run(["sh","-c","cat; exit 3"], input=b"hi", capture_output=True))',
      ),
    ));
  it('signal and mmap', () =>
    expectSame(
      python(
        'import signal,os,mmap\nsignal.signal(signal.SIGALRM, lambda *a: print("alarm"))\nsignal.setitimer(signal.ITIMER_REAL, 0.05); signal.pause()\nm=mmap.mmap(-1, 8192); m[0:3]=b"abc"; print(m[0:4])',
      ),
    ));
  it(
    'multiprocessing',
    () =>
      expectSame(
        python('import multiprocessing as m\nwith m.Pool(4) as p: print(p.map(abs, range(-20, 20)))'),
        slow,
      ),
    slowTest,
  );
});

describe('other languages and tools', () => {
  it('perl', () => expectSame(['perl', '-e', 'print join(",", map { $_ * 2 } 1..5), "\\n"; exit 6']));
  it(
    'node: worker_threads, child_process, fs, http',
    () => {
      const script = join(folder, 'all.mjs');
      writeFileSync(
        script,
        `import { Worker } from 'node:worker_threads'; import { execFileSync } from 'node:child_process';
import fs from 'node:fs'; import http from 'node:http';
const w = new Worker('require("node:worker_threads").parentPort.postMessage(6 * 7)', { eval: true });
console.log(await new Promise((r) => w.once('message', r)));
console.log(execFileSync('echo', ['child']).toString().trim(), fs.readdirSync('/etc/apt').length > 2);
const s = http.createServer((q, a) => a.end('served ' + q.url)); await new Promise((r) => s.listen(0, '127.0.0.1', r));
console.log(await (await fetch('http://127.0.0.1:' + s.address().port + '/x')).text()); s.close();
`,
      );
      return expectSame([process.execPath, script], slow);
    },
    slowTest,
  );
  it(
    'gcc compiles and the program runs',
    async () => {
      const source = join(folder, 'hello.c');
      writeFileSync(source, '#include <stdio.h>\nint main(void){printf("compiled %d\\n", 42);return 3;}\n');
      await expectSame(['gcc', '-O2', '-o', join(folder, 'hello'), source], slow);
      await expectSame([join(folder, 'hello')]);
    },
    slowTest,
  );
  it(
    'git init, add, commit, log',
    async (context) => {
      needsProgram(context, 'git', 'git');
      await expectSame(
        bash(
          `rm -rf ${folder}/r && git init -q ${folder}/r && cd ${folder}/r && echo x > f && git add f && ` +
            'git -c user.name=a -c user.email=a@b commit -qm first && git log --format=%s%an && git status --short',
        ),
        {
          ...slow,
          env: { GIT_AUTHOR_DATE: '2026-01-01T00:00:00Z', GIT_COMMITTER_DATE: '2026-01-01T00:00:00Z' },
        },
      );
    },
    slowTest,
  );
  it(
    'sqlite3 loads 100,000 rows',
    async (context) => {
      needsProgram(context, 'sqlite3', 'sqlite3');
      await expectSame(['sqlite3', ':memory:'], {
        ...slow,
        input:
          'create table t(a, b); with recursive c(i) as (select 1 union all select i+1 from c where i < 100000) insert into t select i, i*7 from c; select count(*), sum(b) from t;\n',
      });
    },
    slowTest,
  );
  it(
    'tar, gzip and sha256sum over 200 MB',
    () => {
      return expectSame(
        bash(
          `cd ${folder} && yes 0123456789abcdef | head -c 200000000 > big && tar cf - --mtime=@0 --owner=0 --group=0 big | gzip -1n | sha256sum`,
        ),
        slow,
      );
    },
    slowTest,
  );
  it(
    'openssl digests and speed',
    async (context) => {
      needsProgram(context, 'openssl', 'openssl');
      await expectSame(bash('seq 100000 | openssl dgst -sha256'));
      const speed = await isolated(
        ['openssl', 'speed', '-seconds', '1', '-bytes', '16384', '-evp', 'aes-256-gcm'],
        slow,
      );
      expect(speed.exitCode).toBe(0);
      expect(speed.stdout).toMatch(/AES-256-GCM\s+\d/i);
    },
    slowTest,
  );
  it('a static Go program', async (context) => {
    needsProgram(context, 'go', 'golang-go');
    const source = join(folder, 'main.go');
    writeFileSync(
      source,
      'package main\nimport ("fmt"; "sync")\nfunc main() { var w sync.WaitGroup; c := make(chan int, 100); for i := 0; i < 100; i++ { w.Add(1); go func() { defer w.Done(); c <- i }() }; w.Wait(); fmt.Println(len(c)) }\n',
    );
    const built = await native(['go', 'build', '-o', join(folder, 'gomain'), source], {
      ...slow,
      env: { CGO_ENABLED: '0', GOCACHE: join(folder, 'gocache') },
    });
    expect(built.stderr).toBe('');
    await expectSame([join(folder, 'gomain')], slow);
  }, 300_000);
});
