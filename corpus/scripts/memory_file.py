#!/usr/bin/python3 -I
# Reads and writes memory through its own files of procfs, as debuggers do: where its monitor is, and where nothing is.
# @technique T1055.009
# @weakness CWE-668
# @stopped-by gate
# @options {"policy":"compat"}
# @control none: natively what these show is the program's own
# @attempts 6
memory = os.open("/proc/self/mem", os.O_RDWR)
for name, address in (("first page above", 0x680000000000), ("tables", 0x7E0000000000), ("top", 0x7FFFFFFFE000)):
    attempt("read, " + name, os.pread, memory, 16, address)
    attempt("write, " + name, os.pwrite, memory, b"attacked", address)


def above():
    """Mappings above the arena, of which a monitor would be one."""
    with open("/proc/self/maps") as maps:
        found = [line for line in maps if int(line.split("-")[0], 16) >= 0x680000000000 and "[v" not in line]
    if not found:
        raise OSError(errno.ENOENT, "")


attempt("mappings above", above)
