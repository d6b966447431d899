"""Which process is meant, and whether it is known to be gone: so that one machine need not wait for a lease to end."""

import os
from functools import cache
from pathlib import Path

_PROC = Path("/proc")


@cache
def this_process() -> str:
    """This process's name: its machine since it was started, its container, its number and when it began.

    "" where the system does not tell, as others than Linux do not.
    """
    try:
        began = _began(os.getpid())
        return f"{_machine()} {os.getpid()} {began}" if began else ""
    except OSError:
        return ""


def is_gone(process: str) -> bool:
    """Whether a process of this machine and container has surely ended; False of others, and where it is not known."""
    try:
        machine, number, began = process.rsplit(" ", 2)
        if machine != _machine():
            return False
        os.kill(int(number), 0)  # nothing is sent: it is only asked whether there is such a process
        return _began(int(number)) != began
    except ProcessLookupError:
        return True
    except (OSError, ValueError):
        return False


def _machine() -> str:
    boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
    return f"{boot} {(_PROC / 'self/ns/pid').readlink()}"


def _began(number: int) -> str:
    """When a process began, in the kernel's ticks; "" where it has ended and only its parent does not know yet."""
    # The name of its program, in brackets, may hold anything.
    state, *fields = (_PROC / str(number) / "stat").read_text().rpartition(")")[2].split()
    return "" if state in "ZX" else fields[18]
