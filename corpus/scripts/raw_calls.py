#!/usr/bin/python3 -I
# Makes system calls by their numbers from an interpreter: tracing, mounts, modules, programs in the kernel, rings, new namespaces.
# @technique T1106
# @weakness CWE-250
# @stopped-by gate
# @options {"policy":"compat","isolation":"none"}
# @control none: natively, as root, several of these would change the host
# @attempts 9
page = ctypes.create_string_buffer(4096)
attempt("ptrace", raw, 101, 16, int(os.environ["ATTACK_VICTIM"]), 0, 0)
attempt("mount", raw, 165, b"none", b"/mnt", b"tmpfs", 0, None)
attempt("pivot_root", raw, 155, b"/", b"/")
attempt("init_module", raw, 175, page, 4096, b"")
attempt("bpf", raw, 321, 5, page, 64)
attempt("io_uring_setup", raw, 425, 8, page)
attempt("unshare", raw, 272, 0x10000000)
attempt("setns", raw, 308, 0, 0)
attempt("userfaultfd", raw, 323, 1)
attempt("kexec_load", raw, 246, 0, 0, 0, 0)
attempt("open_by_handle_at", raw, 304, -100, page, 0)
