"""The name of a process, and whether that process has ended: on one machine nobody waits for its lease to expire."""

import os
from functools import cache
from pathlib import Path

_PROC = Path("/proc")


@cache
def this_process() -> str:
    """This process's name: the machine's boot, the container, the process number and its start time.

    Empty where the system does not tell, which only Linux does.
    """
    try:
        start = _start_of(os.getpid())
        return f"{_machine()} {os.getpid()} {start}" if start else ""
    except OSError:
        return ""


def has_ended(process: str) -> bool:
    """Whether a process of this machine and container has ended; False for other machines, and if it is not known."""
    try:
        machine, number, start = process.rsplit(" ", 2)
        if machine != _machine():
            return False
        os.kill(int(number), 0)  # signal 0 only asks whether the process exists
        return _start_of(int(number)) != start
    except ProcessLookupError:
        return True
    except (OSError, ValueError):
        return False


def _machine() -> str:
    boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
    return f"{boot} {(_PROC / 'self/ns/pid').readlink()}"


def _start_of(number: int) -> str:
    """The start time of a process, in the kernel's ticks; empty if it has ended, and its parent does not know."""
    # The name of its program, in brackets, may hold anything.
    state, *fields = (_PROC / str(number) / "stat").read_text().rpartition(")")[2].split()
    return "" if state in "ZX" else fields[18]
