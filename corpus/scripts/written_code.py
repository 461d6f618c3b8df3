#!/usr/bin/python3 -I
# Writes machine code and runs it, from an interpreter, under a policy by which what was written is never executed.
# @technique T1620
# @weakness CWE-119
# @stopped-by policy
# @options {"policy":{"profile":"compat","writeXorExecute":true}}
# @control {"policy":"compat"}
# @attempts 4
import mmap

code = b"\xb8\x2a\x00\x00\x00\xc3"  # mov $42, %eax; ret


def run(memory):
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    if ctypes.CFUNCTYPE(ctypes.c_int)(address)() != 42:
        os._exit(1)


def written_and_executable():
    memory = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    memory.write(code)
    run(memory)


def protected():
    memory = mmap.mmap(-1, 4096)
    memory.write(code)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    raw(10, address, 4096, mmap.PROT_READ | mmap.PROT_EXEC)
    run(memory)


def from_a_file():
    file = os.memfd_create("code")
    os.write(file, code.ljust(4096, b"\x90"))
    memory = mmap.mmap(file, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC, flags=mmap.MAP_PRIVATE)
    run(memory)


def shared():
    memory = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC, flags=mmap.MAP_SHARED)
    memory.write(code)
    run(memory)


for action in (written_and_executable, protected, from_a_file, shared):
    in_child(action.__name__, action)
