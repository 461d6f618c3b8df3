/** VirtualNetwork: unmodified programs find a world that is not there, and everything they say to it is kept. */
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { run, VirtualNetwork, type VirtualNetworkOptions } from '../../lib/harness/index.js';
import { Sandbox } from '../../lib/index.js';
import { networkProcesses } from '../helpers/network-processes.js';
import { describeFds } from '../helpers/open-files.js';
import { python, temporaryFolder } from '../helpers/programs.js';
import { needsProgram } from '../helpers/skip.js';

const folder = temporaryFolder('network');

async function within<T>(
  options: VirtualNetworkOptions,
  use: (box: Sandbox, net: VirtualNetwork) => Promise<T>,
): Promise<{ net: VirtualNetwork; result: T }> {
  const net = new VirtualNetwork(options);
  await using box = await Sandbox.create({ timeoutMs: 60_000 });
  await net.attach(box);
  const result = await use(box, net);
  return { net, result };
}

const text = (base64: string): string => Buffer.from(base64, 'base64').toString();

describe('unmodified programs', () => {
  it('are answered by name and address, and recorded', async (context) => {
    for (const [program, name] of [
      ['curl', 'curl'],
      ['busybox', 'busybox-static'],
      ['tcpdump', 'tcpdump'],
    ] as const)
      needsProgram(context, program, name);
    const { net, result } = await within(
      { http: ({ method, host, url, body }) => ({ body: `${method} ${host} ${url} ${body}` }) },
      async (box) => {
        const programs = [
          ['curl', '-sS', '-d', 'posted', 'http://curl.test/a?b'],
          // The name service of a static busybox crashes, natively too.
          ['busybox', 'wget', '-q', '-O', '-', 'http://192.0.2.7:8080/w'],
          python(
            'import urllib.request as u; print(u.urlopen("http://python.test/p").read().decode(), end="")',
          ),
          [
            process.execPath,
            '-e',
            'fetch("http://node.test/n").then((r) => r.text()).then((t) => process.stdout.write(t))',
          ],
          ['curl', '-sS', 'https://secret.test/'],
        ];
        return Promise.all(programs.map((argv) => box.exec(argv)));
      },
    );
    expect(result.map(({ stdout }) => stdout)).toEqual([
      'POST curl.test /a?b posted',
      'GET 192.0.2.7:8080 /w ',
      'GET python.test /p ',
      'GET node.test /n ',
      '',
    ]);
    expect(result[4]?.stderr).toContain('handshake failure');
    for (const name of ['curl.test', 'python.test', 'node.test', 'secret.test']) {
      expect(net.names).toContainEqual(
        expect.objectContaining({ name, type: 'A', answer: [expect.stringMatching(/^198\.18\./)], calls: 1 }),
      );
    }
    const flows = net.flows.filter(({ protocol }) => protocol === 'tcp');
    expect(flows.map(({ host, port, service }) => `${host} ${port} ${service}`).sort()).toEqual([
      'curl.test 80 http',
      'node.test 80 http',
      'python.test 80 http',
      'secret.test 443 tls',
      'undefined 8080 http',
    ]);
    const posted = flows.find(({ host }) => host === 'curl.test');
    expect(text(posted?.sent ?? '')).toMatch(/^POST \/a\?b HTTP\/1\.1\r\n[\s\S]*\r\n\r\nposted$/);
    expect(posted?.endMs).toBeGreaterThanOrEqual(posted?.startMs ?? Number.NaN);
    expect(net.omitted).toBe(0);

    const file = join(folder, 'run.pcap');
    writeFileSync(file, net.pcap());
    const packets = execFileSync('tcpdump', ['-nn', '-vv', '-r', file], { encoding: 'utf8', stdio: 'pipe' });
    const complaint = /incorrect|bad |truncated|malformed/;
    expect(packets.split('\n').filter((line) => complaint.test(line))).toEqual([]);
    expect(packets).toMatch(/> 192\.0\.2\.7\.8080: Flags \[S\]/);
    expect(packets).toContain('A? curl.test.');
    expect(packets).toContain('POST /a?b HTTP/1.1');
    expect(packets.match(/Flags \[S\]/g)).toHaveLength(flows.length);
  });

  it('speak TLS where there is a certificate', async (context) => {
    needsProgram(context, 'openssl', 'openssl');
    needsProgram(context, 'curl', 'curl');
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    const made = spawnSync(
      'openssl',
      `req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=any -keyout ${key} -out ${cert}`.split(' '),
    );
    expect(made.status).toBe(0);
    const { net, result } = await within(
      {
        tls: { key: readFileSync(key), cert: readFileSync(cert) },
        http: ({ tls, host, url }) => ({
          status: 201,
          headers: { 'x-virtual': 'yes' },
          body: `${tls} ${host} ${url}`,
        }),
      },
      (box) => box.exec(['curl', '-sSki', 'https://shop.test/cart']),
    );
    expect(result.stdout).toMatch(/^HTTP\/1\.1 201 [\s\S]*x-virtual: yes[\s\S]*true shop\.test \/cart$/);
    expect(net.flows.find(({ port }) => port === 443)).toMatchObject({ host: 'shop.test', service: 'https' });
  });
});

/** What programs do with sockets beyond a plain connect. */
const sockets = `
import errno, select, socket, struct
def tell(*what): print(*what, flush=True)
def s(family=socket.AF_INET, kind=socket.SOCK_STREAM):
    it = socket.socket(family, kind)
    it.settimeout(20)
    return it

# Watched before it connects, as Go's and Java's libraries do.
a = s(); a.setblocking(False)
poll = select.epoll(); poll.register(a, select.EPOLLOUT | select.EPOLLIN)
tell('connect', errno.errorcode[a.connect_ex(('203.0.113.5', 25))])
while not any(e & select.EPOLLIN for _, e in poll.poll(20)): pass
tell('banner', a.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), a.recv(100), a.getpeername(), a.getsockname()[0])
a.sendall(b'QUIT'); a.shutdown(socket.SHUT_WR)
select.select([a], [], [], 20); tell('rest', a.recv(100)); a.close()

u = s(kind=socket.SOCK_DGRAM)
u.sendto(b'ping', ('203.0.113.6', 9999)); tell('udp', u.recvfrom(100))
u.connect(('203.0.113.6', 9998)); u.send(b'again'); tell('udp', u.recv(100), u.getpeername())
u = s(socket.AF_INET6, socket.SOCK_DGRAM)
u.sendmsg([b'six'], [], 0, ('2001:db8:5::6', 7)); tell('udp6', u.recvfrom(100))

m = s(socket.AF_INET6); m.connect(('::ffff:203.0.113.5', 25)); tell('mapped', m.recv(100), m.getpeername()[0]); m.close()
f = s(); f.settimeout(None); f.sendto(b'EHLO', socket.MSG_FASTOPEN, ('203.0.113.5', 25)); tell('fast', f.recv(100)); f.close()
r = s(); tell('refused', errno.errorcode[r.connect_ex(('203.0.113.9', 25))])
own = s(); own.bind(('0.0.0.0', 0)); own.listen(1)
c = s(); c.connect(own.getsockname()); own.accept()[0].sendall(b'own'); tell('own', c.recv(10))

def ask(name, kind, stream=False):
    q = struct.pack('>HHHHHH', 7, 0x100, 1, 0, 0, 0) + b''.join(bytes([len(l)]) + l for l in name.split(b'.'))
    q += struct.pack('>BHH', 0, kind, 1)
    d = s(kind=socket.SOCK_STREAM if stream else socket.SOCK_DGRAM); d.connect(('9.9.9.9', 53))
    d.sendall(struct.pack('>H', len(q)) + q if stream else q)
    m = d.recv(65535)
    if stream:
        while len(m) < 2 + struct.unpack('>H', m[:2])[0]: m += d.recv(65535)
        m = m[2:]
    return m[3] & 15, bool(m[2] & 2), struct.unpack('>H', m[6:8])[0], m[len(q) + 12:]
tell('nxdomain', ask(b'gone.test', 1)[0])
tell('txt', ask(b'note.test', 16))
tell('long', ask(b'long.test', 16)[:3], ask(b'long.test', 16, True)[:3])
tell('mx', ask(b'plain.test', 15)[:3])
`;

it('gives sockets that are as programs know them', async () => {
  const { net, result } = await within(
    {
      refuse: ({ address }) => address === '203.0.113.9',
      tcp: (connection) => {
        if (connection.port !== 25) return undefined;
        connection.service = 'smtp';
        connection.stream.write('220 hello');
        connection.stream.on('end', () => connection.stream.end('221 bye')).resume();
        return true;
      },
      udp: ({ address, port, data }) => `${data} at ${address} ${port}`,
      dns: ({ name, type }) => {
        if (name === 'gone.test') return null;
        if (type !== 'TXT') return undefined;
        return name === 'note.test' ? ['a note'] : Array<string>(9).fill('x'.repeat(99));
      },
    },
    (box) => box.exec(python(sockets)),
  );
  expect(result.stderr).toBe('');
  expect(result.stdout.split('\n').slice(0, -1)).toEqual([
    'connect EINPROGRESS',
    "banner 0 b'220 hello' ('203.0.113.5', 25) 198.18.0.1",
    "rest b'221 bye'",
    "udp (b'ping at 203.0.113.6 9999', ('203.0.113.6', 9999))",
    "udp b'again at 203.0.113.6 9998' ('203.0.113.6', 9998)",
    "udp6 (b'six at 2001:db8:5::6 7', ('2001:db8:5::6', 7, 0, 0))",
    "mapped b'220 hello' ::ffff:203.0.113.5",
    "fast b'220 hello'",
    'refused ECONNREFUSED',
    "own b'own'",
    'nxdomain 3',
    "txt (0, False, 1, b'\\x06a note')",
    'long (0, True, 4) (0, False, 9)',
    'mx (0, False, 0)',
  ]);
  const smtp = net.flows.filter(({ service }) => service === 'smtp');
  expect(smtp.map(({ sent, receivedBytes }) => [text(sent), receivedBytes])).toEqual([
    ['QUIT', 16],
    ['', 16],
    ['EHLO', 16],
  ]);
  expect(net.flows.filter(({ service }) => service === 'udp')).toHaveLength(3);
  expect(net.flows.some(({ address }) => address === '203.0.113.9')).toBe(false);
  expect(net.names).toContainEqual(expect.objectContaining({ name: 'gone.test', type: 'A', answer: [] }));
  expect(net.names).toContainEqual(expect.objectContaining({ name: 'long.test', type: 'TXT', calls: 2 }));
});

it('reaches nothing of the host', async () => {
  let reached = 0;
  const server = createServer((socket) => {
    reached++;
    socket.destroy();
  });
  const port = await new Promise<number>((resolve) =>
    server.listen(0, '0.0.0.0', () => resolve((server.address() as { port: number }).port)),
  );
  try {
    const outside = Object.values(networkInterfaces()).flat();
    const host = outside.find((one) => one && !one.internal && one.family === 'IPv4')?.address;
    const { result } = await within({}, (box) =>
      box.exec(
        python(`
import socket
for host in ['127.0.0.1', '0.0.0.0', '::1', '${host ?? '198.51.100.1'}']:
    s = socket.socket(socket.AF_INET6 if ':' in host else socket.AF_INET)
    print(s.connect_ex((host, ${port})))
print(socket.if_nameindex())`),
      ),
    );
    // What is not its own, the virtual network answers.
    expect(result.stdout).toBe("111\n111\n111\n0\n[(1, 'lo')]\n");
    expect(reached).toBe(0);
  } finally {
    server.close();
  }
});

it('is bounded whatever a sample does, and leaves no descriptor', async () => {
  const before = describeFds();
  const { net, result } = await within({ captureBytes: 256 * 1024 }, (box) =>
    box.exec(
      python(`
import socket
big = socket.create_connection(('192.0.2.3', 9))
for i in range(64): big.sendall(b'y' * 65536)
held = []
for port in range(1, 700):
    s = socket.socket(); s.settimeout(20)
    s.connect_ex(('192.0.2.1', port)); held.append(s)
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for i in range(300): u.sendto(b'x' * 1400, ('192.0.2.2', 1 + i % 5))
print('done')`),
    ),
  );
  expect(result.stderr).toBe('');
  expect(result.stdout).toBe('done\n');
  expect(net.flows.length).toBeLessThanOrEqual(300);
  expect(net.omitted).toBeGreaterThanOrEqual(400);
  expect(net.flows.find(({ address }) => address === '192.0.2.3')).toMatchObject({ sentBytes: 64 * 65536 });
  expect(net.pcap().length).toBeLessThanOrEqual(256 * 1024 + 24);
  expect(net.pcapTruncated).toBe(true);
  await expect.poll(describeFds).toEqual(before);
});

it('says when its process was killed', async () => {
  const told: unknown[] = [];
  const net = new VirtualNetwork({ onFailure: (error) => told.push(error) });
  await using box = await Sandbox.create({ timeoutMs: 30_000 });
  await net.attach(box);
  expect(net.failure).toBeUndefined();
  const [pid, ...more] = networkProcesses();
  expect(more).toEqual([]);
  process.kill(pid as number, 'SIGKILL');
  await expect.poll(() => told).toEqual([expect.objectContaining({ code: 'ERR_SYSTEM' })]);
  expect(net.failure).toBe(told[0]);
  const code = "import socket; print(socket.socket().connect_ex(('192.0.2.1', 1)))";
  expect((await box.exec(python(code))).stdout).toBe('111\n');
  await net.close();
  expect(told).toHaveLength(1);
});

it('serves one sandbox with a network of its own', async () => {
  await using open = await Sandbox.create({ network: 'host' });
  await expect(new VirtualNetwork().attach(open)).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
  await using none = await Sandbox.create({ isolation: 'none' });
  await expect(new VirtualNetwork().attach(none)).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
  await using box = await Sandbox.create();
  await using net = new VirtualNetwork();
  await net.attach(box);
  await expect(net.attach(box)).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
});

it('is part of a run of the harness', async () => {
  const pcap = join(folder, 'harness.pcap');
  const script = 'import urllib.request as u; print(u.urlopen("http://evil.test/x").read())';
  const network = new VirtualNetwork({ http: ({ host }) => ({ body: `from ${host}` }) });
  const verdict = await run({ script, interpreter: '/usr/bin/python3' }, { network, pcap });
  expect(verdict.stdout.text).toBe("b'from evil.test'\n");
  expect(verdict.names).toMatchObject([
    { name: 'evil.test', type: 'A' },
    { name: 'evil.test', type: 'AAAA' },
  ]);
  expect(verdict.flows).toContainEqual(expect.objectContaining({ host: 'evil.test', service: 'http' }));
  expect(readFileSync(pcap).readUInt32LE(0)).toBe(0xa1b2c3d4);
  await expect(run({ script }, { pcap })).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
});
