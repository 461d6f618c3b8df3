#!/usr/bin/python3 -I
# Opens files, pipes and sockets until there are no more to be had, and raises the limit on them.
# @technique T1499.001
# @weakness CWE-770
# @stopped-by limit
# @options {"policy":"compat","rlimits":{"nofile":64}}
# @control {"policy":"compat","rlimits":{"nofile":1024}}
# @control-done files, pipes
# @attempts 3
import resource

attempt("files", lambda: [open("/dev/null") for _ in range(100)])
attempt("pipes", lambda: [os.pipe() for _ in range(100)])
attempt("a higher limit", resource.setrlimit, resource.RLIMIT_NOFILE, (4096, 4096))
