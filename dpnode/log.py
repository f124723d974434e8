"""One bounded, rotating log per home: one sanitised line per event.

A log line may quote a peer, so every line passes `safe_text`: a peer can neither forge a second line nor send an
escape to the terminal of whoever reads the log. Three files of 4 MiB are kept: weeks of an idle node, and a bound on
what a noisy peer can make us write.
"""

import logging
import logging.handlers
import time

from dpnode.paths import Home
from dpnode.safe_text import safe

LOG_BYTES_MAX = 4 * 1024 * 1024
LOG_FILES_KEPT = 2
"""Older files beside the current one."""

LINE_CHARACTERS_MAX = 2_000
"""Enough for a short traceback on one line."""


class OneLine(logging.Formatter):
    """`2026-05-01T12:00:00Z warning dpnode.net: text`; a traceback follows on the same line."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one safe line."""
        when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created))
        text = record.getMessage()
        if record.exc_info:
            # The end of a traceback names the fault, so a long one loses its beginning.
            trace = " | ".join(self.formatException(record.exc_info).splitlines())
            text = f"{text} | {trace if len(trace) < 1_500 else '…' + trace[-1_500:]}"
        return f"{when} {record.levelname.lower()} {record.name}: {safe(text, characters_max=LINE_CHARACTERS_MAX)}"


def quiet_stderr() -> None:
    """Keep Python's own logging from writing to stderr, raw, what no handler takes or what one fails to write.

    Importing libp2p cuts its loggers off from every handler, so its warnings, which quote peers, would end up there.
    What the daemon has to say on stderr it says itself, through `safe_text`.
    """
    logging.lastResort = None
    logging.raiseExceptions = False


def open_log(
    home: Home,
    *,
    level: int = logging.INFO,
    bytes_max: int = LOG_BYTES_MAX,
    files_kept: int = LOG_FILES_KEPT,
    to_stderr: bool = False,
) -> logging.Logger:
    """Send every logger's lines to the home's log, replacing what was set before.

    Args:
        home: its log folder must exist.
        to_stderr: say everything on stderr too, as a service manager expects.

    Returns:
        The `dpnode` logger.
    """
    root = logging.getLogger()
    close_log()
    handlers: list[logging.Handler] = [
        logging.handlers.RotatingFileHandler(
            home.log_file, maxBytes=bytes_max, backupCount=files_kept, encoding="utf-8"
        )
    ]
    if to_stderr:
        handlers.append(logging.StreamHandler())
    for handler in handlers:
        handler.setFormatter(OneLine())
        root.addHandler(handler)
    root.setLevel(level)
    logging.captureWarnings(True)
    # They narrate at INFO; only their complaints are of use to an owner. libp2p's are not even that: see quiet_stderr.
    for noisy in ("multiaddr", "zeroconf", "aioquic", "aiosqlite", "asyncio"):
        logging.getLogger(noisy).setLevel(max(level, logging.WARNING))
    return logging.getLogger("dpnode")


def close_log() -> None:
    """Close and forget the handlers of `open_log`."""
    logging.captureWarnings(False)
    root = logging.getLogger()
    for handler in list(root.handlers):
        if isinstance(handler.formatter, OneLine):
            root.removeHandler(handler)
            handler.close()
