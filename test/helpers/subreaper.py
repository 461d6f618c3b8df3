"""Runs a command, kills it, and counts what it leaves behind.

usage: subreaper.py MILLISECONDS SECONDS COMMAND...
Kills the command's process after MILLISECONDS (not at all: -1) and waits up to SECONDS until no process that descends
from it is left. Prints how many are left, which are then killed, and the names of at most ten.
"""

import ctypes
import os
import signal
import sys
import time

PR_SET_CHILD_SUBREAPER = 36


def children(pid):
    """Descendants of `pid`: as their subreaper this process has every orphan below it."""
    found = []
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/children") as file:
            for child in file.read().split():
                found.append(int(child))
    below = list(found)
    for child in found:
        try:
            below += children(child)
        except OSError:
            pass
    return below


def name(pid):
    try:
        with open(f"/proc/{pid}/comm") as file:
            return file.read().strip()
    except OSError:
        return "?"


def reap():
    """Returns False when there is no child."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
        return True
    except ChildProcessError:
        return False


def main():
    delay, patience, command = float(sys.argv[1]) / 1000, float(sys.argv[2]), sys.argv[3:]
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    pid = os.posix_spawnp(command[0], command, os.environ)
    if delay >= 0:
        time.sleep(delay)
        os.kill(pid, signal.SIGKILL)
    end = time.monotonic() + patience
    while reap() and time.monotonic() < end:
        time.sleep(0.005)
    left = children(os.getpid())
    print(len(left), *sorted(map(name, left))[:10])
    for one in left:
        os.kill(one, signal.SIGKILL)


main()
