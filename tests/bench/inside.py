"""Runs in the machine: takes commands from stdin, one a line with tabs between the arguments.

It answers each by a line: exit status, seconds, KiB of peak memory, seconds of CPU time. It is a program of
its own, so that no entering of namespaces is in the measured time, and imports nothing: the kernel counts
the memory of a parent up to the exec as the child's (getrusage(2), ru_maxrss), so the parent must be smaller.
"""

from __future__ import annotations

import os
import sys
import time


def main() -> None:
    """Answer every line."""
    null = os.open(os.devnull, os.O_RDWR)
    actions = [(os.POSIX_SPAWN_DUP2, null, descriptor) for descriptor in (0, 1, 2)]
    for line in sys.stdin:
        command = line.rstrip("\n").split("\t")
        started = time.perf_counter()
        pid = os.posix_spawnp(command[0], command, os.environ, file_actions=actions)
        _, status, usage = os.wait4(pid, 0)
        seconds = time.perf_counter() - started
        print(
            os.waitstatus_to_exitcode(status),
            seconds,
            usage.ru_maxrss,
            usage.ru_utime + usage.ru_stime,
            flush=True,
        )


main()
