"""The log keeps secrets, on a terminal too."""

import io
import logging

import pytest
import structlog

from lineal import logs


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_traceback_on_a_terminal_shows_no_request_data(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)

    def answer(token: str) -> None:
        raise RuntimeError("masked")

    try:
        logs.configure("info")
        answer("-".join(["a", "secret"]))
    except RuntimeError as error:
        structlog.get_logger().error("incident", exc_info=error)
    finally:
        structlog.reset_defaults()
        logging.basicConfig(force=True)
    assert "in answer" in terminal.getvalue()
    assert "a-secret" not in terminal.getvalue()
