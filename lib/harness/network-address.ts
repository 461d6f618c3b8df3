/** Addresses as they lie in packets. */
import { inet6Text, type SocketAddress } from '../socket-address.js';

/** Of 4 or 16 bytes. */
export const addressText = (bytes: Uint8Array): string =>
  bytes.length === 4 ? bytes.join('.') : inet6Text(Buffer.from(bytes));

/** The 4 bytes of an IPv4 address that is written as one of IPv6 (::ffff:192.0.2.1), else `bytes`. */
export function unmapped(bytes: Uint8Array): Uint8Array {
  const mapped =
    bytes.length === 16 &&
    bytes.subarray(0, 10).every((byte) => byte === 0) &&
    bytes[10] === 255 &&
    bytes[11] === 255;
  return mapped ? bytes.subarray(12) : bytes;
}

/** Where a call leads; undefined for other families. */
export function destination(
  address: SocketAddress | undefined,
): { address: Uint8Array; port: number } | undefined {
  if (address?.family !== 'inet' && address?.family !== 'inet6') return undefined;
  const { bytes, port } = address;
  return {
    address: unmapped(address.family === 'inet' ? bytes.subarray(4, 8) : bytes.subarray(8, 24)),
    port,
  };
}

/** Of the sandbox itself: loopback, the unspecified address, and what its interface has (native/network/routes.cc). */
export function isOwn(address: Uint8Array): boolean {
  if (address.length === 4)
    return address[0] === 127 || address[0] === 0 || addressText(address) === '198.18.0.1';
  return ['::', '::1', '2001:db8::1'].includes(addressText(address));
}

/** To many, or to the link alone: there is nobody. */
export function isForMany(address: Uint8Array): boolean {
  if (address.length === 4) return (address[0] as number) >= 224;
  return address[0] === 0xff || (address[0] === 0xfe && ((address[1] as number) & 0xc0) === 0x80);
}
