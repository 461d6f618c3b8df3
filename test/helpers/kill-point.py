"""Runs a command, kills one of its processes at a given moment, and tells what came of it and what is left.

usage: kill-point.py MILLISECONDS CHOICE SIGNALS SECONDS COMMAND...
MILLISECONDS after the command has made its first process one kind of process is chosen by the number CHOICE among those that descend from the command, itself
included, then one of that kind, and is sent SIGNALS ("KILL", "TERM", "STOP", "STOP+KILL"). The command may then take
SECONDS to end, and what descends from it as long again. Prints a JSON object; all that is left is killed.
"""

import ctypes
import glob
import json
import os
import signal
import subprocess
import sys
import time

PR_SET_CHILD_SUBREAPER = 36


def children(pid):
    found = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children") as file:
                found += [int(child) for child in file.read().split()]
    except OSError:
        pass
    return found


def descendants(pid):
    below = children(pid)
    for child in list(below):
        below += descendants(child)
    return below


def name(pid):
    try:
        with open(f"/proc/{pid}/comm") as file:
            return file.read().strip()
    except OSError:
        return "?"


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(") ", 1)[1][0] not in "ZX"
    except OSError:
        return False


def reap_others(main):
    """Waits for orphans that were left to this process, and not for the command, whose status is still wanted."""
    for pid in children(os.getpid()):
        if pid != main:
            try:
                os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                pass


def main():
    delay, choice = float(sys.argv[1]) / 1000, int(sys.argv[2])
    signals, patience, command = sys.argv[3].split("+"), float(sys.argv[4]), sys.argv[5:]
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    while process.poll() is None and not children(process.pid):
        time.sleep(0.002)
    time.sleep(delay)
    kinds = {}
    for pid in descendants(os.getpid()):
        if alive(pid):
            kinds.setdefault("node" if pid == process.pid else name(pid), []).append(pid)
    victim = "nobody"
    if kinds:
        victim = sorted(kinds)[choice % len(kinds)]
        pids = sorted(kinds[victim])
        pid = pids[choice // len(kinds) % len(pids)]
        # The command stopped and not killed would tell nothing; that is what a stopped program is for.
        if victim == "node" and signals == ["STOP"]:
            signals = ["STOP", "KILL"]
        for number, one in enumerate(signals):
            if number:
                time.sleep(0.05)
            try:
                os.kill(pid, getattr(signal, "SIG" + one))
            except ProcessLookupError:
                victim += " (gone)"
                break
    start = time.monotonic()
    late = False
    try:
        output = process.communicate(timeout=patience)[0]
    except subprocess.TimeoutExpired:
        late = True
        process.kill()
        output = process.communicate()[0]
    seconds = time.monotonic() - start
    end = time.monotonic() + patience
    while True:
        reap_others(process.pid)
        left = [pid for pid in descendants(os.getpid()) if alive(pid)]
        groups = glob.glob(f"/sys/fs/cgroup/**/barchan-{process.pid}-*", recursive=True)
        if not (left or groups) or time.monotonic() > end:
            break
        time.sleep(0.01)
    print(json.dumps({
        "victim": victim, "signals": "+".join(signals), "late": late, "seconds": round(seconds, 2),
        "status": process.returncode, "output": output,
        "left": sorted(name(pid) for pid in left), "groups": groups,
    }))
    for pid in left:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


main()
