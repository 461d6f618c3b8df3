#!/bin/sh
# Starts processes until there are no more to be had, from a shell.
# @technique T1499.001
# @weakness CWE-400
# @stopped-by limit
# @options {"policy":"compat","rlimits":{"nproc":24},"user":{"uid":1000,"gid":1000,"hostUid":61238,"hostGid":61238}}
# @control {"policy":"compat","rlimits":{"nproc":400},"user":{"uid":1000,"gid":1000,"hostUid":61239,"hostGid":61239}}
# @attempts 1
# @peers none: the user of the limit is one of the sandbox's own

# The shell ends when it cannot fork, so one below counts.
(
  made=0
  pids=
  while [ $made -lt 60 ]; do
    sleep 30 &
    pids="$pids $!"
    made=$((made + 1))
  done
  kill $pids
) >/dev/null 2>&1
if [ $? = 0 ]; then say_done "60 processes"; else say_stopped "60 processes" "EAGAIN"; fi
