/**
 * A network that exists only in this program (docs/virtual-network.md): whatever address a sample connects or sends to, it is
 * answered here, and what was said is kept.
 *
 * The sandbox has a network namespace without devices, whose every address is its own (native/network). A call that names an
 * address is intercepted, and before it is made a socket is opened there, at that address and port, which this process holds. So
 * the program's sockets are its own, as it made them, and no packet leaves the namespace, whatever the program does.
 */
import { createSocket, type RemoteInfo, type Socket as UdpSocket } from 'node:dgram';
import { createServer, type Server, type Socket } from 'node:net';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { logger } from '../debug.js';
import { SandboxError } from '../errors.js';
import type { Interception } from '../intercept.js';
import type { Isolated } from '../isolated.js';
import { native } from '../native.js';
import { NetworkSockets } from '../network-sockets.js';
import type { Sandbox } from '../sandbox.js';
import type { SocketAddress } from '../socket-address.js';
import { addressText, destination, isForMany, isOwn } from './network-address.js';
import { addressBytes } from './network-dns.js';
import { FlowRecord, FlowStream, SentBudget } from './network-flow.js';
import { type Endpoint, PacketCapture } from './network-pcap.js';
import { type ServiceOptions, Services } from './network-services.js';
import type { VerdictFlow, VerdictName } from './verdict.js';

const log = logger('network');
/** Addresses and ports that are listened at; the one that was used longest ago makes room. */
const mostPlaces = 128;
const mostConnections = 256;
const mostFlows = 10_000;
/** Answers to datagrams that are being made. */
const mostAnswering = 256;
const sentBudget = 8 * 1024 * 1024;
const defaultCaptureBytes = 16 * 1024 * 1024;
/** How long what was sent before the end of a run may take to be read here. */
const settleMs = 1000;
const noBudget = new SentBudget(0);

export interface VirtualNetworkOptions extends ServiceOptions {
  /** Connections to these are refused, as where nobody listens, and datagrams come to nothing. */
  refuse?: ((target: { host: string | undefined; address: string; port: number }) => boolean) | undefined;
  /**
   * Told when the network's process has ended though nobody closed it (somebody has killed it): ERR_SYSTEM. From then on nothing that is
   * new is answered; `failure` is the same.
   */
  onFailure?: ((error: SandboxError) => void) | undefined;
  /** How much pcap() can hold; default 16 MiB. */
  captureBytes?: number | undefined;
}

/** One address and port in the namespace, for streams and for datagrams. */
interface Place {
  tcp: Server | undefined;
  udp: UdpSocket | undefined;
}

export class VirtualNetwork implements AsyncDisposable {
  readonly #options: VirtualNetworkOptions;
  readonly #services: Services;
  readonly #capture: PacketCapture;
  readonly #budget = new SentBudget(sentBudget);
  readonly #places = new Map<string, Promise<Place>>();
  readonly #flows: FlowRecord[] = [];
  /** Of datagrams, by both ends. */
  readonly #conversations = new Map<string, FlowRecord>();
  readonly #open = new Set<Socket>();
  #answering = 0;
  #omitted = 0;
  #failure: SandboxError | undefined;
  #sockets: NetworkSockets | undefined;
  #isolated: Isolated | undefined;
  #interception: Interception | undefined;
  #attached = false;
  #closing: Promise<void> | undefined;
  /** Milliseconds since 1970 from which the times of `names` and `flows` count; attach() sets it. */
  since = Date.now();

  constructor(options: VirtualNetworkOptions = {}) {
    this.#options = options;
    this.#services = new Services(options);
    this.#capture = new PacketCapture(options.captureBytes ?? defaultCaptureBytes);
  }

  /**
   * Answers for the programs that `box` starts from now on. Once, for one sandbox, which has a network of its own (`network: 'none'`
   * or 'loopback'). Rejects with ERR_INVALID_OPTION, ERR_SANDBOX_CLOSED, ERR_SANDBOX_SETUP, ERR_SYSTEM.
   */
  async attach(box: Sandbox): Promise<void> {
    const { isolated } = box;
    if (this.#attached || !isolated || isolated.description.network === 'host') {
      throw new SandboxError('ERR_INVALID_OPTION', 'VirtualNetwork.attach: it cannot serve this sandbox', {
        path: 'box',
        value: this.#attached ? 'attached before' : isolated ? 'network: "host"' : 'isolation: "none"',
        remedy: this.#attached
          ? 'Make one VirtualNetwork for each sandbox.'
          : 'Give Sandbox.create isolation: "full" and network: "none".',
      });
    }
    this.#attached = true;
    this.#isolated = isolated;
    this.#sockets = await NetworkSockets.start(isolated.keeper);
    this.#sockets.onGone = (error) => {
      this.#failure = error;
      try {
        this.#options.onFailure?.(error);
      } catch (thrown) {
        log('onFailure: %o', thrown);
      }
    };
    isolated.attached.add(this);
    this.since = Date.now();
    this.#interception = box.intercept(['connect', 'sendto', 'sendmsg'], async (call) => {
      const args: Partial<Record<'addr' | 'dest_addr' | 'address', SocketAddress | undefined>> = call.args;
      const target = destination(args.addr ?? args.dest_addr ?? args.address);
      if (target) await this.#expect(target);
      return call.next();
    });
  }

  /** What name servers were asked for. */
  get names(): VerdictName[] {
    return this.#services.names(this.since);
  }

  /** Connections and datagrams, in the order of their beginning. */
  get flows(): VerdictFlow[] {
    return this.#flows.map((flow) => flow.verdict(this.since));
  }

  /** Names, connections and datagrams that there was no room for. */
  get omitted(): number {
    return this.#omitted + this.#services.omitted;
  }

  /** Why nothing new is answered any more, if that is so. */
  get failure(): SandboxError | undefined {
    return this.#failure;
  }

  /** pcap() lacks what came last. */
  get pcapTruncated(): boolean {
    return this.#capture.truncated;
  }

  /** The packets, as a file of pcap-savefile(5) with LINKTYPE_RAW. */
  pcap(): Buffer {
    return this.#capture.file();
  }

  /**
   * Reads what ended programs have left to be read, then answers no more. What was kept stays. Programs that still run get errors.
   * The end of the sandbox does the same.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    const until = Date.now() + settleMs;
    for (let turn = 0; turn < 3 || (this.#open.size + this.#answering > 0 && Date.now() < until); turn++)
      await (turn < 3 ? nextTurn() : sleep(5));
    this.#isolated?.attached.delete(this);
    this.#interception?.close();
    for (const place of this.#places.values()) this.#leave(place);
    this.#places.clear();
    for (const socket of this.#open) socket.destroy();
    await this.#sockets?.close();
  }

  /** Returns when somebody is there. */
  async #expect({ address, port }: Endpoint): Promise<void> {
    if (port === 0 || isForMany(address) || (isOwn(address) && port !== 53)) return;
    const text = addressText(address);
    if (this.#options.refuse?.({ host: this.#services.hosts.host(text), address: text, port })) return;
    const key = `${text} ${port}`;
    let place = this.#places.get(key);
    this.#places.delete(key);
    place ??= this.#listen({ address, port });
    this.#places.set(key, place); // last: the newest
    for (const [oldest, old] of this.#places) {
      if (this.#places.size <= mostPlaces) break;
      this.#places.delete(oldest);
      this.#leave(old);
    }
    const { tcp, udp } = await place;
    // The program has sockets of its own there, or had.
    if (!tcp && !udp && this.#places.get(key) === place) this.#places.delete(key);
  }

  async #listen(at: Endpoint): Promise<Place> {
    const open = async (kind: 'stream' | 'datagram'): Promise<number | undefined> => {
      try {
        return await this.#sockets?.open({ kind, ...at });
      } catch (error) {
        log('%s %d: %s', addressText(at.address), at.port, (error as Error).message);
        return undefined;
      }
    };
    const [stream, datagram] = await Promise.all([open('stream'), open('datagram')]);
    const { addon } = native();
    const tcp = stream === undefined ? undefined : this.#listenForStreams(at);
    const udp = datagram === undefined ? undefined : this.#listenForDatagrams(at);
    const listening: Promise<void>[] = [];
    // The descriptors become Node's own, which closes them.
    if (tcp && stream !== undefined) {
      addon.releaseFd(stream);
      listening.push(
        new Promise((resolve) => tcp.listen({ fd: stream }, resolve).once('error', () => resolve())),
      );
      tcp.unref();
    }
    if (udp && datagram !== undefined) {
      addon.releaseFd(datagram);
      listening.push(
        new Promise((resolve) =>
          udp.once('error', () => resolve()).bind({ fd: datagram, exclusive: true }, resolve),
        ),
      );
      udp.unref();
    }
    await Promise.all(listening);
    return { tcp, udp };
  }

  #leave(place: Promise<Place>): void {
    void place.then(({ tcp, udp }) => {
      tcp?.close();
      udp?.close();
    });
  }

  /** Of what there is no room for, one that goes with its connection. */
  #record(protocol: 'tcp' | 'udp', at: Endpoint, service: string): FlowRecord {
    const address = addressText(at.address);
    const host = this.#services.hosts.host(address);
    const room = this.#flows.length < mostFlows;
    const record = new FlowRecord(room ? this.#budget : noBudget, {
      protocol,
      address,
      port: at.port,
      host,
      service,
    });
    if (room) this.#flows.push(record);
    else this.#omitted++;
    return record;
  }

  #listenForStreams(at: Endpoint): Server {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      const address = addressBytes(socket.remoteAddress ?? '');
      // Without an address it is over already.
      if (!address || this.#open.size >= mostConnections) {
        this.#omitted++;
        socket.resetAndDestroy();
        return;
      }
      this.#open.add(socket);
      socket.once('close', () => this.#open.delete(socket));
      socket.unref();
      const record = this.#record('tcp', at, 'tcp');
      const client = { address, port: socket.remotePort ?? 0 };
      this.#services.serve(new FlowStream(socket, record, this.#capture, client, at), record);
    });
    server.on('error', (error) => log('tcp: %s', error.message));
    return server;
  }

  #listenForDatagrams(at: Endpoint): UdpSocket {
    const socket = createSocket(at.address.length === 16 ? 'udp6' : 'udp4');
    socket.on('error', (error) => log('udp: %s', error.message));
    socket.on('message', (data, from) => {
      this.#answer(socket, at, data, from).catch((error: unknown) => log('udp: %o', error));
    });
    return socket;
  }

  async #answer(socket: UdpSocket, at: Endpoint, data: Buffer, from: RemoteInfo): Promise<void> {
    const address = addressBytes(from.address);
    if (!address) return;
    const client = { address, port: from.port };
    const key = `${from.address} ${from.port} ${addressText(at.address)} ${at.port}`;
    let record = this.#conversations.get(key);
    if (!record) {
      record = this.#record('udp', at, at.port === 53 ? 'dns' : 'udp');
      if (this.#conversations.size < mostFlows) this.#conversations.set(key, record);
    }
    record.sent(data);
    record.end = Date.now();
    this.#capture.datagram(client, at, data);
    if (this.#answering >= mostAnswering) {
      this.#omitted++;
      return;
    }
    this.#answering++;
    try {
      const { host, address: text, port } = record;
      const answer = await this.#services.datagram({ host, address: text, port, data });
      if (!answer) return;
      await new Promise<void>((resolve, reject) =>
        socket.send(answer, from.port, from.address, (error) => (error ? reject(error) : resolve())),
      );
      record.receivedBytes += answer.length;
      record.end = Date.now();
      this.#capture.datagram(at, client, answer);
    } finally {
      this.#answering--;
    }
  }
}
