#!/usr/bin/python3 -I
# Takes memory until there is no more to be had, from an interpreter.
# @technique T1499.001
# @weakness CWE-770
# @stopped-by limit
# @options {"policy":"compat","rlimits":{"data":268435456}}
# @control {"policy":"compat"}
# @attempts 2
import mmap


def private(length):
    return mmap.mmap(-1, length, flags=mmap.MAP_PRIVATE)


attempt("512 MiB in one", private, 512 << 20)


def many():
    return [private(16 << 20) for _ in range(32)]


attempt("32 of 16 MiB", many)
