/** struct sockaddr of man 7 ip, ipv6 and unix, as an object. */

/** Where a socket is connected or sends to. `bytes` is all of it, as the program gave it. */
export type SocketAddress = { readonly bytes: Buffer } & (
  | { readonly family: 'inet' | 'inet6'; readonly address: string; readonly port: number }
  /** `path` begins with a NUL for an abstract name; empty: none. */
  | { readonly family: 'unix'; readonly path: string }
  | { readonly family: 'other'; readonly number: number }
);

const families = { unix: 1, inet: 2, inet6: 10 } as const;
const unixPathAt = 2;

function unixPath(bytes: Buffer): string {
  const name = bytes.subarray(unixPathAt);
  if (name.length === 0 || name[0] === 0) return name.toString('utf8');
  const end = name.indexOf(0);
  return name.toString('utf8', 0, end === -1 ? name.length : end);
}

/** Of 16 bytes, in RFC 5952's short form. */
export function inet6Text(bytes: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(i * 2).toString(16));
  const host = new URL(`http://[${groups.join(':')}]`).hostname;
  return host.slice(1, -1);
}

export function decodeSocketAddress(bytes: Buffer): SocketAddress {
  const number = bytes.length >= 2 ? bytes.readUInt16LE(0) : 0;
  if (number === families.unix) return { family: 'unix', path: unixPath(bytes), bytes };
  if (number === families.inet && bytes.length >= 8) {
    return { family: 'inet', address: bytes.subarray(4, 8).join('.'), port: bytes.readUInt16BE(2), bytes };
  }
  if (number === families.inet6 && bytes.length >= 24) {
    return { family: 'inet6', address: inet6Text(bytes.subarray(8, 24)), port: bytes.readUInt16BE(2), bytes };
  }
  return { family: 'other', number, bytes };
}
