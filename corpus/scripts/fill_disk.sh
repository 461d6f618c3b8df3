#!/bin/sh
# Fills the places that can be written, with the tools that there are.
# @technique T1499.001
# @weakness CWE-400
# @stopped-by limit
# @options {"policy":"compat","scratchBytes":4194304}
# @control {"policy":"compat","scratchBytes":268435456}
# @attempts 2
# @control-done /tmp,/dev/shm
for place in /tmp /dev/shm; do
  attempt "$place" dd if=/dev/zero "of=$place/zeros" bs=1M count=24
  rm -f "$place/zeros"
done
