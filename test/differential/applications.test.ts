/**
 * Servers, language runtimes and tools from Debian, unmodified: what they say of their own work is the same under
 * Barchan as natively. A program that is not installed is skipped; .ci/run installs all of them.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'vitest';
import { expectSameWork } from '../helpers/differential.js';
import { bash, freePort, slow, slowTest, temporaryFolder } from '../helpers/programs.js';
import { needsProgram } from '../helpers/skip.js';

const folder = temporaryFolder('applications');

/** Writes `text` to a file and returns its path. */
function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

/** An empty folder of its own for one test. */
function workFolder(name: string): string {
  const path = join(folder, name);
  mkdirSync(path);
  return path;
}

describe('servers', () => {
  it(
    'redis-server under redis-benchmark, with snapshots and an append-only file',
    async (context) => {
      needsProgram(context, 'redis-server', 'redis-server');
      const script = `
cd $(mktemp -d -p ${folder}) || exit
redis-server --port 0 --unixsocket s --appendonly yes --save '' >log 2>&1 & server=$!
cli() { redis-cli -s s "$@"; }
until cli ping 2>/dev/null; do sleep 0.1; done
redis-benchmark -s s -n 300 -c 10 -q -t ping,set,incr,lpush,lrange_100,mset | tr '\\r' '\\n' |
  sed -n 's/: [0-9.]* requests per second.*/ done/p'
cli get counter:__rand_int__; cli llen mylist
background() { until cli info persistence | grep -q "$1_in_progress:0"; do sleep 0.1; done; }
cli bgsave; background rdb_bgsave; cli bgrewriteaof; background aof_rewrite
cli info persistence | tr -d '\\r' | grep _status
cli shutdown; wait $server; echo $?
redis-check-rdb dump.rdb | tail -1 | cut -c1-40 | sed 's/[0-9]//g'; redis-check-aof appendonlydir/*.manifest | tail -1`;
      await expectSameWork(
        bash(script),
        ['SET done', 'rdb_last_bgsave_status:ok', 'aof_last_bgrewrite_status:ok'],
        slow,
      );
    },
    slowTest,
  );

  it(
    'nginx with two workers under wrk, reloaded meanwhile',
    async (context) => {
      needsProgram(context, '/usr/sbin/nginx', 'nginx');
      needsProgram(context, 'wrk', 'wrk');
      needsProgram(context, 'curl', 'curl');
      const dir = workFolder('nginx');
      const port = await freePort();
      const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
      const config = file(
        'nginx.conf',
        `worker_processes 2; daemon off; pid ${dir}/pid; error_log ${dir}/errors;
user root;
events { worker_connections 128; }
http { access_log ${dir}/access; sendfile on; ${paths.map((p) => `${p}_temp_path ${dir}/${p};`).join(' ')}
  server { listen 127.0.0.1:${port} reuseport; root ${dir}/html; } }\n`,
      );
      const script = `
cd ${dir}; mkdir -p html; seq 200000 >html/big; echo small >html/small; ln -sf small html/link
nginx -c ${config} & server=$!
url=http://127.0.0.1:${port}
until curl -sf $url/small; do sleep 0.1; done
curl -s $url/big | cmp - html/big; curl -s $url/link; curl -s -o /dev/null -w '%{http_code}\\n' $url/none
wrk -t 2 -c 10 -d 2 $url/small >out & load=$!
sleep 0.5; kill -HUP $server; wait $load
awk '/requests in/ { print ($1 > 50 ? "many" : "few") } /Non-2xx/' out
curl -s $url/small; kill -QUIT $server; wait $server; echo $?`;
      await expectSameWork(bash(script), ['404', 'many'], slow);
    },
    slowTest,
  );

  it(
    'postgres: initdb, pgbench, shutdown and recovery after a crash',
    async (context) => {
      needsProgram(context, '/usr/lib/postgresql/15/bin/initdb', 'postgresql');
      const script = file(
        'postgres.sh',
        `
PATH=/usr/lib/postgresql/15/bin:$PATH; cd $(mktemp -d) || exit
trap 'rm -rf "$PWD"' EXIT
initdb -D d -A trust --no-sync >/dev/null || exit
start() { pg_ctl -D d -o "-k $PWD -h ''" -l log -w -t 100 start >/dev/null || cat log; }
sql() { psql -h "$PWD" -Atc "$1" postgres; }
start
pgbench -h "$PWD" -i -q postgres 2>&1 | tail -1 | cut -d ' ' -f 1
pgbench -h "$PWD" -c 4 -j 2 -t 15 postgres 2>&1 | grep -E 'processed|failed'
sql 'select count(*) from pgbench_history'
sql 'create table t as select i, md5(i::text) from generate_series(1, 2000) i; select md5(string_agg(md5, md5)) from t'
pg_ctl -D d -w -m immediate stop >/dev/null; start
sql 'select count(*), sum(i) from t'
pg_ctl -D d -w -m fast stop; grep PANIC log; exit 0\n`,
      );
      const asPostgres =
        process.getuid?.() === 0
          ? ['setpriv', '--reuid=postgres', '--regid=postgres', '--init-groups', 'bash', script]
          : ['bash', script];
      await expectSameWork(asPostgres, ['60/60', '2000|2001000', 'server stopped'], { ...slow, cwd: '/' });
    },
    slowTest,
  );

  it(
    'memcached with four threads and eight clients',
    async (context) => {
      needsProgram(context, 'memcached', 'memcached');
      const client = file(
        'memcached.py',
        `
import socket, sys, threading
def connect():
    s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); return s
def work(k):
    s = connect(); r = s.makefile('rb')
    for i in range(50):
        v = b'v%d.%d' % (k, i) * 20
        s.sendall(b'set k%d.%d 0 0 %d\\r\\n%s\\r\\n' % (k, i, len(v), v)); assert r.readline() == b'STORED\\r\\n'
        s.sendall(b'get k%d.%d\\r\\n' % (k, i)); r.readline(); assert r.readline().strip() == v; r.readline()
t = [threading.Thread(target=work, args=(k,)) for k in range(8)]
for x in t: x.start()
for x in t: x.join()
s = connect(); s.sendall(b'stats\\r\\n')
print(*sorted(l for l in s.makefile() if l.split()[1:2] and l.split()[1] in ('cmd_get', 'get_hits', 'threads', 'total_items', 'curr_items') or l == 'END\\n' and s.shutdown(2)))
`,
      );
      const script = `
s=$(mktemp -u -p ${folder}); memcached -u root -s $s -t 4 -m 64 & server=$!
until [ -S $s ]; do sleep 0.1; done
python3 ${client} $s; kill $server; wait $server; echo $?`;
      await expectSameWork(bash(script), ['get_hits 400', 'threads 4'], slow);
    },
    slowTest,
  );
});

describe('languages', () => {
  it(
    'OpenJDK: version, compiler, threads, garbage collection, faults as exceptions, child processes',
    async (context) => {
      needsProgram(context, 'javac', 'openjdk-17-jdk-headless');
      const dir = workFolder('java');
      const source = join(dir, 'Work.java');
      writeFileSync(
        source,
        `
import java.util.*; import java.util.concurrent.*; import java.util.stream.*;
public class Work {
  static int depth(int n) { return depth(n + 1) + 1; }
  public static void main(String[] a) throws Exception {
    var pool = Executors.newFixedThreadPool(8); var results = new ArrayList<Future<Long>>();
    for (int i = 0; i < 32; i++) { final int k = i; results.add(pool.submit(() -> {
      long s = 0; var kept = new ArrayList<byte[]>();
      for (int j = 0; j < 500; j++) { kept.add(new byte[j * 10]); s += j ^ k; } return s; })); }
    long total = 0; for (var r : results) total += r.get(); pool.shutdown(); System.out.println(total);
    System.out.println(LongStream.range(0, 1_000_000).parallel().map(x -> x ^ 5).sum());
    try { Object o = null; o.hashCode(); } catch (NullPointerException e) { System.out.println("null"); }
    try { depth(0); } catch (StackOverflowError e) { System.out.println("stack"); }
    var threads = new Thread[100]; var barrier = new CyclicBarrier(100);
    for (int i = 0; i < 100; i++) { threads[i] = new Thread(() -> { try { barrier.await(); } catch (Exception e) { } }); threads[i].start(); }
    for (var t : threads) t.join();
    System.gc();
    var p = new ProcessBuilder("sh", "-c", "echo child; exit 3").start();
    System.out.println(new String(p.getInputStream().readAllBytes()).trim() + p.waitFor());
  }
}
`,
      );
      await expectSameWork(bash('java -version 2>&1'), ['OpenJDK'], slow);
      await expectSameWork(['javac', '-d', dir, source], [], slow);
      await expectSameWork(['java', '-cp', dir, 'Work'], ['null', 'stack', 'child3'], slow);
      await expectSameWork(['java', '-XX:+UseZGC', '-cp', dir, 'Work'], ['child3'], slow);
    },
    2 * slowTest,
  );

  it(
    'go build, and what it built: a server, clients, a child, a recovered fault',
    async (context) => {
      needsProgram(context, 'go', 'golang-go');
      const dir = workFolder('go');
      const source = join(dir, 'main.go');
      writeFileSync(
        source,
        `package main
import ("fmt"; "io"; "net"; "net/http"; "os/exec"; "sync"; "sync/atomic")
func main() {
	l, _ := net.Listen("tcp", "127.0.0.1:0")
	go http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "ok") }))
	var wg sync.WaitGroup
	var n int64
	for i := 0; i < 20; i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			r, err := http.Get("http://" + l.Addr().String())
			if err != nil { fmt.Println(err); return }
			if b, _ := io.ReadAll(r.Body); string(b) == "ok" { atomic.AddInt64(&n, 1) }
		}()
	}
	wg.Wait()
	out, err := exec.Command("sh", "-c", "echo child; exit 3").Output()
	fmt.Println(n, string(out), err)
	defer func() { fmt.Println(recover()) }()
	var p *int
	*p = 1
}
`,
      );
      const go = { ...slow, env: { GOCACHE: join(dir, 'cache'), HOME: dir } };
      await expectSameWork(bash(`go build -o ${dir}/main ${source} && sha256sum ${dir}/main`), [], go);
      await expectSameWork([join(dir, 'main')], ['20 child', 'nil pointer'], slow);
    },
    slowTest,
  );

  it(
    'make -j2 of a C project',
    async (context) => {
      needsProgram(context, 'make', 'make');
      const dir = workFolder('make');
      const names = Array.from({ length: 8 }, (_, i) => `f${i}`);
      for (const [i, name] of names.entries())
        writeFileSync(join(dir, `${name}.c`), `int ${name}(int x) { return x * ${i + 3}; }\n`);
      const sum = names.map((name) => `${name}(s + 1)`).join(' + ');
      writeFileSync(
        join(dir, 'main.c'),
        `#include <stdio.h>\n${names.map((n) => `int ${n}(int);`).join('\n')}\nint main(void) { int s = 1; printf("%d\\n", ${sum}); return 0; }\n`,
      );
      writeFileSync(
        join(dir, 'Makefile'),
        'o = $(patsubst %.c,%.o,$(sort $(wildcard *.c)))\nall: $(o)\n\t$(CC) -o $@ $^\n%.o: %.c\n\t$(CC) -O2 -c -o $@ $<\n',
      );
      await expectSameWork(
        bash(`cd ${dir} && rm -f *.o all; make -s -j2 && sha256sum *.o all && ./all`),
        [/^\d+$/m],
        slow,
      );
    },
    slowTest,
  );

  it(
    'a program with AddressSanitizer: its heap and shadow memory have fixed addresses',
    async () => {
      const source = file(
        'sanitized.c',
        `#include <stdlib.h>\n#include <stdio.h>\nint main(int n, char **v) { char *p = malloc(10); p[9 + n - 1] = 1; printf("%d\\n", p[9]); free(p); return 0; }\n`,
      );
      const program = join(folder, 'sanitized');
      await expectSameWork(['gcc', '-g', '-fsanitize=address,undefined', '-o', program, source], [], slow);
      const env = { ASAN_OPTIONS: 'detect_leaks=0' }; // the search for leaks needs ptrace(2)
      await expectSameWork([program], ['1'], { env });
      await expectSameWork(
        bash(`${program} x 2>&1 | grep -oE 'heap-buffer-overflow|WRITE of size 1|0 bytes'`),
        ['WRITE of size 1'],
        {
          env,
        },
      );
    },
    slowTest,
  );
});

describe('tools', () => {
  it(
    'ffmpeg encodes a clip with four threads to the same bytes',
    (context) => {
      needsProgram(context, 'ffmpeg', 'ffmpeg');
      const clip = 'testsrc=duration=1:size=160x120:rate=25';
      return expectSameWork(
        [
          'ffmpeg',
          '-v',
          'error',
          '-f',
          'lavfi',
          '-i',
          clip,
          '-c:v',
          'libx264',
          '-threads',
          '4',
          '-f',
          'md5',
          '-',
        ],
        ['MD5='],
        slow,
      );
    },
    slowTest,
  );

  it(
    'rsync copies a tree, then only what changed',
    (context) => {
      needsProgram(context, 'rsync', 'rsync');
      const dir = workFolder('rsync');
      return expectSameWork(
        bash(`cd ${dir} && rm -rf * && mkdir -p a/b/c && for i in $(seq 30); do seq $i >a/b/f$i; done && ln -s b/f1 a/l && ln a/b/f2 a/h
chmod 640 a/b/f3; touch -d @1000000000 a/b/f[234]; rsync -aHi a/ d/ | sort; diff -r a d && echo same
echo x >>a/b/f5; rm a/b/f6; touch -d @1100000000 a/b/f5 a/b; rsync -aHi --checksum --delete a/ d/ | sort; stat -c '%A %h %s %Y %n' d/h d/b/f[34]`),
        ['same'],
        slow,
      );
    },
    slowTest,
  );

  it(
    'ssh-keygen makes keys, signs and verifies',
    (context) => {
      needsProgram(context, 'ssh-keygen', 'openssh-client');
      return expectSameWork(
        bash(`cd $(mktemp -d -p ${folder}) && for t in ed25519 ecdsa rsa; do ssh-keygen -q -t $t -N '' -C c -f $t || echo bad
ssh-keygen -lf $t.pub | sed 's/SHA256:[^ ]*/sum/'; stat -c %A $t; done
echo text >m; ssh-keygen -Y sign -f ed25519 -n file m 2>/dev/null; echo "me $(cat ed25519.pub)" >signers
ssh-keygen -Y verify -f signers -I me -n file -s m.sig <m | cut -d ' ' -f 1-6; echo other | ssh-keygen -Y verify -f signers -I me -n file -s m.sig; echo $?`),
        ['Good "file" signature'],
        slow,
      );
    },
    slowTest,
  );

  it(
    'dpkg builds a package, unpacks, configures and removes it in a root of its own',
    (context) => {
      needsProgram(context, 'dpkg-deb', 'dpkg');
      return expectSameWork(
        bash(`cd $(mktemp -d -p ${folder}) && mkdir -p p/DEBIAN p/usr/share/doc/p p/etc root/var/lib/dpkg/{updates,info} && touch root/var/lib/dpkg/status
for i in $(seq 20); do seq $i >p/usr/share/doc/p/$i; done; ln -s 1 p/usr/share/doc/p/link; echo c >p/etc/p.conf; echo /etc/p.conf >p/DEBIAN/conffiles
printf 'Package: p\\nVersion: 1.0\\nArchitecture: all\\nMaintainer: a <a@b>\\nDescription: d\\n' >p/DEBIAN/control
dpkg-deb -Zxz --root-owner-group -b p p.deb; dpkg-deb -c p.deb | awk '{ print $1, $2, $3, $6 }'
D="dpkg --root=root --force-not-root --force-bad-path --log=/dev/null"
$D --unpack p.deb; $D --configure p; $D -s p | head -2; find root/usr root/etc | sort; $D -r p; $D -l p | tail -1; find root/usr root/etc | sort`),
        ['install ok installed'],
        slow,
      );
    },
    slowTest,
  );

  const classes =
    'cpu vm fork clone pthread mmap mremap futex signal pipe sock sockpair poll epoll timer file-ioctl filename';
  it(
    `stress-ng works: ${classes}`,
    (context) => {
      needsProgram(context, 'stress-ng', 'stress-ng');
      const script = `cd $(mktemp -d -p ${folder}) || exit
for c in ${classes}; do
  out=$(stress-ng --$c 2 --$c-ops 6 --vm-bytes 16m --mmap-bytes 1m --mremap-bytes 1m --verify --metrics -t 60 2>&1); code=$?
  echo "$c $code $(echo "$out" | awk -v c=$c '$4 == c && $5 + 0 > 0 { work = 1 } END { if (work) print "worked" }')"
done`;
      return expectSameWork(
        bash(script),
        classes.split(' ').map((name) => `${name} 0 worked`),
        slow,
      );
    },
    slowTest,
  );
});
