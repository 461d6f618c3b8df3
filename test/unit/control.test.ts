import { readFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { Control, operations, type SupervisorEvent } from '../../lib/control.js';

const header = readFileSync(new URL('../../native/abi/supervisor.h', import.meta.url), 'utf8');
const open: { close(): void }[] = [];
afterEach(() => {
  for (const one of open.splice(0)) one.close();
});

/** Two connected sockets. */
async function pair(): Promise<[Socket, Socket]> {
  const path = join(tmpdir(), `barchan-control-${process.pid}-${Math.random()}`);
  const server = createServer();
  open.push(server);
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve));
  return [connect(path), await accepted];
}

describe('control', () => {
  it('agrees with abi/supervisor.h on operations', () => {
    const native = [...header.matchAll(/kOp(\w+) = '(.)'/g)].map((match) => [
      match[1]?.toLowerCase(),
      match[2],
    ]);
    expect(native).toHaveLength(5);
    expect(Object.fromEntries(native)).toEqual(operations);
  });

  it('puts events together that come in pieces, and tells of the end once', async () => {
    const [ours, theirs] = await pair();
    const events: SupervisorEvent[] = [];
    const closed = new Promise<void>((resolve) => new Control(ours, (event) => events.push(event), resolve));
    for (const piece of ['{"event":"sta', 'rted","pid":7}\n{"event":"stopped","signal":20}\n{"ev', 'ent"']) {
      theirs.write(piece);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    theirs.end();
    await closed;
    expect(events).toEqual([
      { event: 'started', pid: 7 },
      { event: 'stopped', signal: 20 },
    ]);
  });

  it('sends pairs of bytes', async () => {
    const [ours, theirs] = await pair();
    const control = new Control(
      ours,
      () => {},
      () => {},
    );
    control.signal(15);
    control.forward(2);
    control.keep();
    control.seen();
    control.end();
    ours.end();
    const chunks: Buffer[] = [];
    for await (const chunk of theirs) chunks.push(chunk as Buffer);
    expect(Buffer.concat(chunks)).toEqual(Buffer.from('k\x0ff\x02d\x00s\x00x\x00'));
  });
});
