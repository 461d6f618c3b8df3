/** The memory for events from a guest's side: no name that procfs has for it leads there. */
import { describe, expect, it } from 'vitest';
import { Sandbox } from '../../lib/index.js';

const script = `
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
found = []
def attempt(what, path, action):
  try: action()
  except OSError: return
  found.append((what, path))
names = ["/proc/self/fd/%s" % n for n in os.listdir("/proc/self/fd")]
names += ["/proc/thread-self/fd/%d" % n for n in range(60, 70)]
for base in (4096, 1024, 8192, 16384, 524288): names += ["/proc/self/fd/%d" % (base + n) for n in range(24)]
try: names += ["/proc/self/map_files/" + n for n in os.listdir("/proc/self/map_files")]
except OSError: pass
seen = 0
for name in names:
  try: link = os.readlink(name)
  except OSError: continue
  if "barchan" not in link and "eventfd" not in link: continue
  seen += 1
  for flags in (os.O_RDWR, os.O_RDONLY, os.O_WRONLY):
    if link.startswith("/memfd"): attempt("open %d" % flags, name, lambda: os.open(name, flags))
  try: pinned = os.open(name, os.O_PATH)
  except OSError: continue
  again = "/proc/self/fd/%d" % pinned
  if link.startswith("/memfd"):
    attempt("reopen", name, lambda: os.open(again, os.O_RDWR))
    attempt("read", name, lambda: os.read(pinned, 1))
    attempt("write", name, lambda: os.write(pinned, b"x"))
    attempt("truncate", name, lambda: os.truncate(name, 0))
    attempt("chmod", name, lambda: os.chmod(name, 0))
  os.close(pinned)
print(found)
`;

describe('the ring', () => {
  it.each(['none', 'full'] as const)('cannot be opened by any name (isolation: %s)', async (isolation) => {
    await using box = await Sandbox.create({ isolation });
    let seen = 0;
    box.on('syscall', () => seen++, { syscalls: ['readlink', 'readlinkat', 'openat'] });
    const result = await box.exec(['/usr/bin/python3', '-S', '-c', script]);
    expect(result).toMatchObject({ exitCode: 0, stdout: '[]\n', stderr: '' });
    expect(seen).toBeGreaterThan(0);
    expect(box.eventCounters).toMatchObject({ lost: 0, malformed: 0 });
  });

  it('says nothing in maps', async () => {
    await using box = await Sandbox.create({ isolation: 'none' });
    const { stdout } = await box.exec([
      'sh',
      '-c',
      'cat /proc/self/maps /proc/self/smaps /proc/self/numa_maps',
    ]);
    expect(stdout).toContain('[stack]');
    expect(stdout).not.toContain('barchan');
  });
});
