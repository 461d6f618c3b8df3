/** One connection of a virtual network, or the datagrams between two ports: what is kept of it, and a stream that tells what passes. */
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import type { Endpoint, PacketCapture } from './network-pcap.js';
import { TcpCapture } from './network-pcap.js';
import type { VerdictFlow } from './verdict.js';

/** Of one flow, of what the sample sent. */
const sentMost = 4096;

/** Memory that all flows share for what was sent in them. */
export class SentBudget {
  #left: number;
  constructor(bytes: number) {
    this.#left = bytes;
  }
  /** A copy of as much of `bytes` as there is room for. */
  take(bytes: Uint8Array, most: number): Buffer {
    const size = Math.min(bytes.length, most, this.#left);
    this.#left -= size;
    return Buffer.from(bytes.subarray(0, size));
  }
}

/** A flow as it goes on; times are milliseconds since 1970. */
export class FlowRecord {
  readonly protocol: 'tcp' | 'udp';
  readonly address: string;
  readonly port: number;
  readonly start = Date.now();
  host: string | undefined;
  service: string;
  sentBytes = 0;
  receivedBytes = 0;
  end: number | undefined;
  readonly #budget: SentBudget;
  /** One buffer: a sample may send byte by byte. */
  #sent: Buffer = Buffer.alloc(0);

  constructor(
    budget: SentBudget,
    at: { protocol: 'tcp' | 'udp'; address: string; port: number; host: string | undefined; service: string },
  ) {
    this.#budget = budget;
    this.protocol = at.protocol;
    this.address = at.address;
    this.port = at.port;
    this.host = at.host;
    this.service = at.service;
  }

  sent(bytes: Uint8Array): void {
    this.sentBytes += bytes.length;
    if (this.#sent.length >= sentMost || bytes.length === 0) return;
    const part = this.#budget.take(bytes, sentMost - this.#sent.length);
    if (part.length > 0) this.#sent = Buffer.concat([this.#sent, part]);
  }

  verdict(since: number): VerdictFlow {
    const { protocol, host, address, port, service, sentBytes, receivedBytes, end } = this;
    return {
      protocol,
      host,
      address,
      port,
      service,
      sentBytes,
      receivedBytes,
      sent: this.#sent.toString('base64'),
      startMs: Math.max(0, this.start - since),
      endMs: end === undefined ? undefined : Math.max(0, end - since),
    };
  }
}

/**
 * The far end of a connection, for a service: what the sample sends can be read, what is written the sample gets. Both are counted
 * and captured as they pass.
 */
export class FlowStream extends Duplex {
  readonly #socket: Socket;
  readonly #record: FlowRecord;
  readonly #capture: TcpCapture;

  /** Pre: nothing was read from `socket`. */
  constructor(
    socket: Socket,
    record: FlowRecord,
    capture: PacketCapture,
    client: Endpoint,
    server: Endpoint,
  ) {
    super({ allowHalfOpen: true });
    this.#socket = socket;
    this.#record = record;
    this.#capture = new TcpCapture(capture, client, server);
    socket.on('data', (chunk: Buffer) => {
      record.sent(chunk);
      this.#capture.data(0, chunk);
      if (!this.push(chunk)) socket.pause();
    });
    socket.on('end', () => {
      this.#capture.finish(0);
      this.push(null);
    });
    socket.on('error', () => this.#capture.reset(0));
    socket.on('close', () => {
      record.end = Date.now();
      this.#capture.reset(1);
      this.destroy();
    });
    // A service that ends with an error has no one else to tell.
    this.on('error', () => {});
  }

  /** Ends the connection as a host does that wants none. */
  refuse(): void {
    this.#capture.reset(1);
    this.#socket.resetAndDestroy();
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#record.receivedBytes += chunk.length;
    this.#capture.data(1, chunk);
    this.#socket.write(chunk, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#capture.finish(1);
    this.#socket.end(() => done());
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }
}
