"""A script for a terminal: runs a command under a new pty as the leader of a session, types and expects.

usage: terminal.py COMMAND... < SCRIPT
SCRIPT is JSON: a list of ["expect", TEXT] | ["type", TEXT] | ["pause", SECONDS]; a time-out or the end of the
output before an expected text is a failure. Prints all output, then "exit STATUS" as a shell
would have it.
"""

import json
import os
import pty
import select
import signal
import sys
import time

TIMEOUT = 30


def main():
    script = json.load(sys.stdin)
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvp(sys.argv[1], sys.argv[1:])
    output = b""
    searched = 0
    failure = None

    def read(deadline):
        nonlocal output
        ready, _, _ = select.select([terminal], [], [], max(0, deadline - time.monotonic()))
        if not ready:
            return False
        try:
            piece = os.read(terminal, 65536)
        except OSError:
            return False
        output += piece
        return len(piece) > 0

    for step in script:
        if step[0] == "expect":
            deadline = time.monotonic() + TIMEOUT
            text = step[1].encode()
            while (at := output.find(text, searched)) < 0:
                if not read(deadline):
                    failure = "did not see " + repr(step[1])
                    break
            if failure:
                break
            searched = at + len(text)
        elif step[0] == "type":
            os.write(terminal, step[1].encode())
        elif step[0] == "pause":
            time.sleep(float(step[1]))
    deadline = time.monotonic() + TIMEOUT
    while not failure and read(deadline):
        pass
    if failure:
        os.kill(pid, signal.SIGKILL)
    os.close(terminal)
    _, status = os.waitpid(pid, 0)
    sys.stdout.write(output.decode(errors="replace").replace("\r\n", "\n"))
    code = os.waitstatus_to_exitcode(status)
    print(failure or f"exit {code if code >= 0 else 128 - code}")


main()
