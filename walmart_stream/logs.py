"""The log: text for people, or one JSON object a line for machines."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

import orjson

from walmart_stream.settings import Settings

# Their debug records are built for every message even where nobody reads them.
LOUD_LIBRARIES = ("faust", "mode", "aiokafka", "kafka", "pymongo", "asyncio")


class JsonFormatter(logging.Formatter):
    """``{"time", "level", "logger", "message", "exception"?}``, time in UTC."""

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_text:  # where the exception itself shows more than anybody may see
            fields["exception"] = record.exc_text
        elif record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(fields).decode()


def logging_config(settings: Settings) -> dict[str, Any]:
    """For :func:`logging.config.dictConfig`, to standard error."""
    level = settings.log_level.upper()
    quiet = max(logging.getLevelNamesMapping()[level], logging.INFO)
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "text": {"format": "%(asctime)s %(levelname)-8s %(name)s  %(message)s"},
            "json": {"()": JsonFormatter},
        },
        "handlers": {
            "default": {"class": "logging.StreamHandler", "formatter": settings.log_format}
        },
        "loggers": {name: {"level": quiet} for name in LOUD_LIBRARIES},
        "root": {"level": level, "handlers": ["default"]},
    }
