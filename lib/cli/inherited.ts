/**
 * The descriptors that this process was given beside its standard streams, as by a shell's <(...) or make's jobserver.
 *
 * Node.js marks most of them close-on-exec when it starts, so that flag does not tell them from its own. Those are
 * anonymous objects (eventfd, epoll, io_uring) and pipes whose both ends are here: a pipe of that kind that was given is
 * known by the variable in which make tells of it, and else not passed on.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** Higher ones are not passed on (native/abi/start.h). */
const mostNumber = 1002;

/** Where the guest's numbers end at the latest: the monitor's lie above, below the hard limit (native/monitor/fds.cc). */
function numbersEnd(): number {
  const hard = /^Max open files +\S+ +(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1];
  return hard === undefined ? mostNumber : Number(hard) - Math.max(24, Number(hard) / 4);
}

interface Descriptor {
  fd: number;
  target: string;
}

function look(fd: number): Descriptor[] {
  try {
    return [{ fd, target: readlinkSync(`/proc/self/fd/${fd}`) }];
  } catch {
    return []; // the one that listed them
  }
}

/** The ends of make's jobserver (info make, "POSIX Jobserver Interaction"). */
function jobserver(makeflags: string | undefined): number[] {
  const [, reader, writer] = /--jobserver-(?:auth|fds)=(\d+),(\d+)/.exec(makeflags ?? '') ?? [];
  return reader && writer ? [Number(reader), Number(writer)] : [];
}

/** Numbers from 3 on, ascending. Call before anything is opened. */
export function inheritedDescriptors(): number[] {
  const found = readdirSync('/proc/self/fd')
    .map(Number)
    .filter((fd) => fd > 2 && fd <= mostNumber)
    .flatMap(look)
    .filter(({ target }) => !target.startsWith('anon_inode:'));
  const given = jobserver(process.env.MAKEFLAGS);
  const isOwnPipe = ({ fd, target }: Descriptor): boolean =>
    target.startsWith('pipe:') &&
    !given.includes(fd) &&
    found.some((other) => other.fd !== fd && other.target === target);
  const inherited = found.filter((descriptor) => !isOwnPipe(descriptor)).map(({ fd }) => fd);
  if (inherited.length === 0) return [];
  const end = numbersEnd();
  return inherited.filter((fd) => fd < end).sort((a, b) => a - b);
}
