"""Logs: one JSON object a line on standard error, without secrets."""

import logging
import re
import sys
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

_SECRET_NAMES = re.compile(r"password|secret|token|authorization|cookie|private_key", re.IGNORECASE)
_SECRET_TEXTS = re.compile(r"\b(c[kwsdir])_[A-Za-z0-9_-]{20,}|(://[^:/@\s]*):[^@/\s]+@")
_HIDDEN = "[hidden]"


def configure(level: str) -> None:
    """Send structlog's and the standard library's records to one JSON stream."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        structlog.processors.format_exc_info,
        redact,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                redact,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers = []
        logging.getLogger(name).propagate = True


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Hide values whose name or form says that they are secrets."""
    return {name: _hide(name, value) for name, value in event.items()}


def _hide(name: str, value: Any) -> Any:
    if _SECRET_NAMES.search(name):
        return _HIDDEN
    if isinstance(value, str):
        return _SECRET_TEXTS.sub(
            lambda found: f"{found[2]}:{_HIDDEN}@" if found[2] else _HIDDEN, value
        )
    if isinstance(value, dict):
        return {key: _hide(str(key), item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_hide(name, item) for item in value]
    return value
