"""Structured logs on standard error: text on a terminal, JSON elsewhere, one object a line, whoever wrote it."""

import logging
import sys
import threading
from types import TracebackType

import structlog

log = structlog.get_logger()


def configure(level: str) -> None:
    """Configure structlog, the logging of libraries, warnings and uncaught errors to write to standard error."""
    number = logging.getLevelNamesMapping()[level.upper()]
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    rendering: list[structlog.typing.Processor]
    if is_terminal():
        # The default tracebacks show local variables, and those of a request include its token.
        rendering = [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
    else:
        rendering = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    structlog.configure(
        [*shared, *rendering],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
    )
    handler = logging.StreamHandler(sys.stderr)
    without_meta = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name], processors=[without_meta, *rendering]
        )
    )
    logging.basicConfig(level=max(number, logging.WARNING), handlers=[handler], force=True)


def is_terminal() -> bool:
    """Whether logs are text for a person, and not JSON."""
    return sys.stderr.isatty()


def capture_uncaught() -> None:
    """Log warnings and the errors that nothing catches, in any thread, which Python would print as text."""
    logging.captureWarnings(True)
    sys.excepthook = _log_uncaught
    sys.unraisablehook = lambda error: _log("unraisable error", error.exc_value)
    threading.excepthook = lambda error: _log("uncaught error of a thread", error.exc_value)


def _log_uncaught(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    _log("uncaught error", error)


def _log(event: str, error: BaseException | None) -> None:
    if not isinstance(error, SystemExit | KeyboardInterrupt):
        log.critical(event, exc_info=error)
