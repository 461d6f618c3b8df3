/** What answers in a virtual network: a name server, web servers, and for everything else an end that listens. */
import { createSecureContext, TLSSocket } from 'node:tls';
import { logger } from '../debug.js';
import { addressText } from './network-address.js';
import {
  addressBytes,
  type DnsAnswer,
  type DnsQuestion,
  decodeQuery,
  encodeAnswer,
  HostTable,
} from './network-dns.js';
import type { FlowRecord, FlowStream } from './network-flow.js';
import { beginningMost, beginningOf } from './network-hello.js';
import { type HttpHandler, HttpService } from './network-http.js';
import type { VerdictName } from './verdict.js';

const log = logger('network');
const mostNames = 10_000;
const mostDnsBytes = 65_535;
const plainDatagramMost = 512;
/** handshake_failure, fatal: what a server says that can agree on nothing. */
const handshakeFailure = Buffer.from([21, 3, 3, 0, 2, 2, 40]);

/** A TCP connection that the sample has made. */
export interface VirtualConnection {
  host: string | undefined;
  address: string;
  port: number;
  /** What the sample sends can be read, what is written it gets. */
  stream: import('node:stream').Duplex;
  /** The name of the service, for the report. */
  service: string;
}

export interface VirtualDatagram {
  host: string | undefined;
  address: string;
  port: number;
  data: Buffer;
}

export interface ServiceOptions {
  /** Answers requests, by HTTP and, with `tls`, by HTTPS. Default: 200 without a body. */
  http?: HttpHandler | undefined;
  /** Asked first about each name. */
  dns?: ((question: DnsQuestion) => DnsAnswer | Promise<DnsAnswer>) | undefined;
  /**
   * Asked first about each connection but those to name servers; returning true takes it over. `stream` is then its to read, write
   * and end.
   */
  tcp?: ((connection: VirtualConnection) => boolean | undefined) | undefined;
  /** What comes back for a datagram, but those to name servers. Default: nothing. */
  udp?:
    | ((
        datagram: VirtualDatagram,
      ) => string | Uint8Array | undefined | Promise<string | Uint8Array | undefined>)
    | undefined;
  /**
   * Key and certificate (PEM) with which TLS is spoken, for whatever host is asked for. Default: TLS clients are told that there is
   * nothing to agree on, once they have named the host.
   */
  tls?: { key: string | Buffer; cert: string | Buffer } | undefined;
}

interface NameRecord extends Omit<VerdictName, 'firstMs'> {
  first: number;
}

export class Services {
  readonly hosts = new HostTable();
  /** Questions of names that there was no room for. */
  omitted = 0;
  readonly #options: ServiceOptions;
  readonly #names = new Map<string, NameRecord>();
  readonly #http: HttpService;
  readonly #secure: ReturnType<typeof createSecureContext> | undefined;

  /** Throws where `tls` is no key and certificate. */
  constructor(options: ServiceOptions) {
    this.#options = options;
    this.#http = new HttpService(options.http ?? (() => ({})));
    this.#secure = options.tls && createSecureContext(options.tls);
  }

  names(since: number): VerdictName[] {
    return [...this.#names.values()].map(({ first, ...name }) => ({
      ...name,
      firstMs: Math.max(0, first - since),
    }));
  }

  /** A message to a name server; undefined: it is none. */
  async answerName(message: Buffer, most = plainDatagramMost): Promise<Buffer | undefined> {
    const query = decodeQuery(message);
    if (!query) return undefined;
    let answer: readonly string[] | null | 'failure';
    let encoded: Buffer;
    try {
      answer = await this.#resolve(query.question);
      encoded = encodeAnswer(query, answer, most);
    } catch (error) {
      log('dns: %o', error);
      answer = 'failure';
      encoded = encodeAnswer(query, answer, most);
    }
    this.#remember(query.question, answer === 'failure' || query.foreign ? undefined : (answer ?? []));
    return encoded;
  }

  async #resolve(question: DnsQuestion): Promise<readonly string[] | null | 'failure'> {
    const given = await this.#options.dns?.(question);
    if (given === null) return null;
    const { name, type } = question;
    if (given !== undefined) {
      if (type !== 'A' && type !== 'AAAA') return given;
      for (const address of given) {
        const bytes = addressBytes(address);
        if (bytes) this.hosts.learn(addressText(bytes), name.toLowerCase());
      }
      return given;
    }
    if (type !== 'A' && type !== 'AAAA') return [];
    const own = name === '' ? undefined : this.hosts.addresses(name);
    if (!own) return name === '' ? [] : 'failure';
    return [type === 'A' ? own.a : own.aaaa];
  }

  #remember({ name, type }: DnsQuestion, answer: readonly string[] | undefined): void {
    const key = `${type} ${name}`;
    const known = this.#names.get(key);
    if (known) {
      known.calls++;
      known.answer ??= answer && [...answer];
    } else if (this.#names.size < mostNames) {
      this.#names.set(key, { name, type, answer: answer && [...answer], calls: 1, first: Date.now() });
    } else this.omitted++;
  }

  /** Answers one connection. */
  serve(stream: FlowStream, record: FlowRecord): void {
    if (record.port === 53) {
      record.service = 'dns';
      this.#serveNames(stream);
      return;
    }
    const { host, address, port } = record;
    const connection: VirtualConnection = { host, address, port, stream, service: 'tcp' };
    try {
      if (this.#options.tcp?.(connection) === true) {
        record.service = connection.service;
        return;
      }
    } catch (error) {
      log('tcp: %o', error);
      stream.refuse();
      return;
    }
    this.#listen(stream, record);
  }

  /** Until it is known what the sample speaks. */
  #listen(stream: FlowStream, record: FlowRecord): void {
    let bytes = Buffer.alloc(0);
    const over = (): void => {
      stream.end();
    };
    const take = (chunk: Buffer): void => {
      bytes = Buffer.concat([bytes, chunk]);
      const beginning = beginningOf(bytes);
      if (beginning.kind === 'more' && bytes.length < beginningMost) return;
      stream.off('data', take).off('end', over);
      stream.pause();
      stream.unshift(bytes);
      this.#speak(stream, record, beginning.kind === 'tls' ? beginning : { ...beginning, host: undefined });
    };
    stream.on('data', take).on('end', over);
  }

  #speak(
    stream: FlowStream,
    record: FlowRecord,
    { kind, host }: { kind: string; host: string | undefined },
  ): void {
    record.host ??= host;
    const place = { host: host ?? record.host, address: record.address, port: record.port };
    if (kind === 'http') {
      record.service = 'http';
      this.#http.serve(stream, { ...place, tls: false });
      stream.resume();
    } else if (kind === 'tls' && this.#secure) {
      record.service = 'https';
      const secure = new TLSSocket(stream, { isServer: true, secureContext: this.#secure });
      secure.on('error', () => stream.destroy());
      this.#http.serve(secure, { ...place, tls: true });
      stream.resume();
    } else {
      record.service = kind === 'tls' ? 'tls' : 'tcp';
      if (kind === 'tls') stream.end(handshakeFailure);
      stream.on('end', () => stream.end());
      stream.resume();
    }
  }

  /** RFC 1035, 4.2.2: two bytes of length before each message. One question at a time. */
  #serveNames(stream: FlowStream): void {
    const answerAll = async (): Promise<void> => {
      let bytes = Buffer.alloc(0);
      for await (const chunk of stream as AsyncIterable<Buffer>) {
        bytes = Buffer.concat([bytes, chunk]);
        while (bytes.length >= 2 && bytes.length >= 2 + bytes.readUInt16BE(0)) {
          const size = bytes.readUInt16BE(0);
          const answer = await this.answerName(bytes.subarray(2, 2 + size), mostDnsBytes);
          if (!answer) return;
          const head = Buffer.alloc(2);
          head.writeUInt16BE(answer.length, 0);
          if (!stream.write(Buffer.concat([head, answer])))
            await new Promise<void>((resolve) => stream.once('drain', resolve).once('close', resolve));
          bytes = bytes.subarray(2 + size);
        }
      }
    };
    answerAll()
      .catch((error: unknown) => log('dns: %o', error))
      .finally(() => stream.end());
  }

  /** What comes back for a datagram. */
  async datagram(datagram: VirtualDatagram): Promise<Uint8Array | undefined> {
    if (datagram.port === 53) return this.answerName(datagram.data);
    const answer = await this.#options.udp?.(datagram);
    return typeof answer === 'string' ? Buffer.from(answer) : answer;
  }
}
