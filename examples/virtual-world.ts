/**
 * Files and a web server that exist only in this program: `npm run example -- virtual-world`.
 *
 * The guest has no network, and neither of the two files is on any disk. It reads a configuration, asks a server for what that
 * names, and writes a report, all of which end up in handlers.
 */
import { createServer } from 'node:http';
import { callGroups, Sandbox } from 'barchan';

const files = new Map([['/app/config.json', JSON.stringify({ service: 'http://inventory.internal/items' })]]);
const reports: string[] = [];
const server = createServer((request, response) => {
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ host: request.headers.host, path: request.url, items: ['sand', 'wind'] }));
});

const program = `
import json, os, urllib.request
service = json.load(open('/app/config.json'))['service']
answer = json.load(urllib.request.urlopen(service))
with open('/app/report', 'w') as report:
    report.write(f"{answer['host']}{answer['path']} has {' and '.join(answer['items'])}")
`;

await using box = await Sandbox.create({ network: 'none', timeoutMs: 30_000 });

// Files: a name is looked up in the map, and a report is a socket whose other end we read.
box.intercept(callGroups.open, (call) => {
  const { path } = call.args;
  if (path === '/app/report') {
    return call.serve((socket) =>
      socket.setEncoding('utf8').on('data', (text: string) => reports.push(text)),
    );
  }
  const content = files.get(path);
  if (content !== undefined) return call.file(content);
  return path.startsWith('/app/') ? call.deny('ENOENT') : call.allow();
});

// Names: the C library asks in /etc/hosts first.
box.intercept(callGroups.open, (call) =>
  call.args.path === '/etc/hosts' ? call.file('192.0.2.1 inventory.internal\n') : call.next(),
);

// The network: every connection to that address is one of our server.
box.intercept('connect', (call) => {
  const { addr } = call.args;
  if (addr?.family !== 'inet' || addr.address !== '192.0.2.1' || addr.port !== 80)
    return call.deny('ENETUNREACH');
  return call.serve((socket) => server.emit('connection', socket));
});

const { exitCode, stderr } = await box.exec(['/usr/bin/python3', '-c', program]);
console.log(exitCode === 0 ? `report: ${reports.join('')}` : stderr);
process.exitCode = exitCode ?? 1;
