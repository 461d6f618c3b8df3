/**
 * What went over a virtual network as a file of packets for tcpdump and Wireshark: the IP packets that a network would have carried,
 * made from the bytes that the two ends exchanged. Bounded: what comes when it is full is left out, from the first byte on that
 * does not fit.
 */

/** As in a packet: 4 or 16 bytes, and the port. */
export interface Endpoint {
  address: Uint8Array;
  port: number;
}

const magicOfMicroseconds = 0xa1b2c3d4;
const rawAddresses = 101; // LINKTYPE_RAW: IPv4 or IPv6, by the first four bits
const snapLength = 65535;
const recordHead = 16;
const chunkSize = 256 * 1024;
const udp = 17;
const tcp = 6;
const hops = 64;
const window = 65535;

export const flags = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16 } as const;

function sum(bytes: Uint8Array, start = 0): number {
  let total = start;
  for (let i = 0; i + 1 < bytes.length; i += 2)
    total += ((bytes[i] as number) << 8) | (bytes[i + 1] as number);
  if (bytes.length % 2 === 1) total += (bytes[bytes.length - 1] as number) << 8;
  return total;
}

/** RFC 1071 */
function folded(total: number): number {
  let rest = total;
  while (rest > 0xffff) rest = (rest & 0xffff) + Math.floor(rest / 0x10000);
  return ~rest & 0xffff;
}

/** The packet, IP header and all, with its checksums. Pre: both ends are of one family. */
function packet(
  from: Endpoint,
  to: Endpoint,
  protocol: number,
  header: Buffer,
  checksumAt: number,
  data: Uint8Array,
): Buffer {
  const length = header.length + data.length;
  const pseudo = sum(from.address, sum(to.address, protocol + length));
  const checksum = folded(sum(data, sum(header, pseudo)));
  // 0 means none in UDP.
  header.writeUInt16BE(checksum === 0 && protocol === udp ? 0xffff : checksum, checksumAt);
  const v6 = from.address.length === 16;
  const ip = Buffer.alloc(v6 ? 40 : 20);
  if (v6) {
    ip[0] = 0x60;
    ip.writeUInt16BE(length, 4);
    ip[6] = protocol;
    ip[7] = hops;
    ip.set(from.address, 8);
    ip.set(to.address, 24);
  } else {
    ip[0] = 0x45;
    ip.writeUInt16BE(20 + length, 2);
    ip.writeUInt16BE(0x4000, 6); // do not fragment
    ip[8] = hops;
    ip[9] = protocol;
    ip.set(from.address, 12);
    ip.set(to.address, 16);
    ip.writeUInt16BE(folded(sum(ip)), 10);
  }
  return Buffer.concat([ip, header, data]);
}

export class PacketCapture {
  readonly #most: number;
  /** Packets behind one another, not one by one: a sample decides how small they are. */
  readonly #chunks: Buffer[] = [];
  /** Of the last one. */
  #used = 0;
  #bytes = 0;
  #full = false;

  constructor(mostBytes: number) {
    this.#most = mostBytes;
  }

  /** There was more than fits. */
  get truncated(): boolean {
    return this.#full;
  }

  datagram(from: Endpoint, to: Endpoint, data: Uint8Array): void {
    if (this.#full) return;
    const header = Buffer.alloc(8);
    header.writeUInt16BE(from.port, 0);
    header.writeUInt16BE(to.port, 2);
    header.writeUInt16BE(8 + data.length, 4);
    this.#add(packet(from, to, udp, header, 6, data));
  }

  segment(from: Endpoint, to: Endpoint, bits: number, seq: number, ack: number, data: Uint8Array): void {
    if (this.#full) return;
    const syn = (bits & flags.syn) !== 0;
    const header = Buffer.alloc(syn ? 24 : 20);
    header.writeUInt16BE(from.port, 0);
    header.writeUInt16BE(to.port, 2);
    header.writeUInt32BE(seq >>> 0, 4);
    header.writeUInt32BE(bits & flags.ack ? ack >>> 0 : 0, 8);
    header[12] = (header.length / 4) << 4;
    header[13] = bits;
    header.writeUInt16BE(window, 14);
    if (syn) header.writeUInt32BE(0x0204_0000 | segmentMost(from), 20);
    this.#add(packet(from, to, tcp, header, 16, data));
  }

  /** The file of pcap-savefile(5). */
  file(): Buffer {
    const head = Buffer.alloc(24);
    head.writeUInt32LE(magicOfMicroseconds, 0);
    head.writeUInt16LE(2, 4);
    head.writeUInt16LE(4, 6);
    head.writeUInt32LE(snapLength, 16);
    head.writeUInt32LE(rawAddresses, 20);
    return Buffer.concat([
      head,
      ...this.#chunks.slice(0, -1),
      ...this.#chunks.slice(-1).map((last) => last.subarray(0, this.#used)),
    ]);
  }

  #add(bytes: Buffer): void {
    if (this.#bytes + recordHead + bytes.length > this.#most) {
      this.#full = true;
      return;
    }
    const head = Buffer.alloc(recordHead);
    const now = performance.timeOrigin + performance.now();
    head.writeUInt32LE(Math.floor(now / 1000) >>> 0, 0);
    head.writeUInt32LE(Math.floor((now % 1000) * 1000), 4);
    head.writeUInt32LE(bytes.length, 8);
    head.writeUInt32LE(bytes.length, 12);
    this.#bytes += recordHead + bytes.length;
    this.#append(head);
    this.#append(bytes);
  }

  #append(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; ) {
      let last = this.#chunks.at(-1);
      if (!last || this.#used === last.length) {
        last = Buffer.alloc(chunkSize);
        this.#chunks.push(last);
        this.#used = 0;
      }
      const size = bytes.copy(last, this.#used, at);
      this.#used += size;
      at += size;
    }
  }
}

/** Of an Ethernet. */
const segmentMost = ({ address }: Endpoint): number => (address.length === 16 ? 1440 : 1460);

/** The packets of one TCP connection. */
export class TcpCapture {
  readonly #capture: PacketCapture;
  readonly #ends: readonly [Endpoint, Endpoint];
  /** What each end sends next. */
  readonly #next: [number, number];
  readonly #finished: [boolean, boolean] = [false, false];

  /** With the handshake. */
  constructor(capture: PacketCapture, client: Endpoint, server: Endpoint) {
    this.#capture = capture;
    this.#ends = [client, server];
    const first = (client.port * 65_537 + server.port) >>> 0;
    this.#next = [first, first ^ 0x5555_5555];
    this.#send(0, flags.syn);
    this.#next[0]++;
    this.#send(1, flags.syn | flags.ack);
    this.#next[1]++;
    this.#send(0, flags.ack);
  }

  /** What `end` sends, and that the other has it. */
  data(end: 0 | 1, bytes: Uint8Array): void {
    if (this.#finished[end] || bytes.length === 0) return;
    const most = segmentMost(this.#ends[0]);
    for (let at = 0; at < bytes.length && !this.#capture.truncated; at += most) {
      const part = bytes.subarray(at, at + most);
      this.#send(end, flags.ack | (at + most >= bytes.length ? flags.psh : 0), part);
      this.#next[end] += part.length;
    }
    this.#send(1 - end, flags.ack);
  }

  /** `end` sends no more. */
  finish(end: 0 | 1): void {
    if (this.#finished[end]) return;
    this.#finished[end] = true;
    this.#send(end, flags.fin | flags.ack);
    this.#next[end]++;
    this.#send(1 - end, flags.ack);
  }

  reset(end: 0 | 1): void {
    if (this.#finished[0] && this.#finished[1]) return;
    this.#finished.fill(true);
    this.#send(end, flags.rst | flags.ack);
  }

  #send(end: number, bits: number, data: Uint8Array = new Uint8Array()): void {
    this.#capture.segment(
      this.#ends[end] as Endpoint,
      this.#ends[1 - end] as Endpoint,
      bits,
      this.#next[end] as number,
      this.#next[1 - end] as number,
      data,
    );
  }
}
