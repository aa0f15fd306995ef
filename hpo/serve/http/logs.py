"""The log: one JSON object a line on stderr. Tokens, cookies and query strings are never in it."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

LOGGER = logging.getLogger("hpo.serve")


class JsonLines(logging.Formatter):
    """A record as a JSON object: when, how grave, what, and the fields that its `extra` has under `fields`."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def set_up() -> None:
    """Let the service and uvicorn write to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    for logger, level in ((LOGGER, logging.INFO), (logging.getLogger("uvicorn"), logging.WARNING)):
        logger.handlers = [handler]
        logger.setLevel(level)
        logger.propagate = False


def log(
    event: str, level: int = logging.INFO, *, error: BaseException | None = None, **fields: Any
) -> None:
    """Write a line about an event; with the traceback of an error that is a fault of the service."""
    LOGGER.log(level, event, extra={"fields": fields}, exc_info=error)
