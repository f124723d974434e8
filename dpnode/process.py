"""The daemon's process: takes the home's lock, opens its log, runs the daemon, and reports how the start went.

Started by `dpnode up`, or by a service manager with `--foreground`. The start is reported as one line of JSON on a
pipe: `{"ready": {...}}`, or `{"kind", "sentence"}` of what was in the way; the pipe closing without a line means a
crash, and the log has it.
"""

import argparse
import gc
import json
import logging
import os
import sys
from collections.abc import Sequence
from typing import Any

from config.parse import ConfigWrong, load
from config.settings import Settings
from dpnode import lock
from dpnode.errors import FailKind, Problem
from dpnode.log import close_log, open_log, quiet_stderr
from dpnode.paths import Home, find_home

log = logging.getLogger("dpnode.process")

GARBAGE_OBJECTS = 30_000
"""New objects before garbage is looked for: those of a range of blocks die by themselves, few MB where not."""
GARBAGE_ROUNDS = (20, 20)
"""Rounds before what survived one, and before everything, is searched again: what lives longer here rarely dies."""


class Report:
    """The one line on the start; whatever is said after it is for the log only."""

    def __init__(self, descriptor: int | None) -> None:
        self._descriptor = descriptor
        self._is_started = False

    def ready(self, value: dict[str, Any]) -> None:
        """The daemon answers: `value` goes to whoever started it (pid, addresses, network)."""
        log.info("ready: %s", json.dumps(value))
        self._is_started = True
        self._say({"ready": value})

    def refused(self, problem: Problem) -> None:
        """The daemon cannot run, or not any longer."""
        log.error("%s: %s", "stopped" if self._is_started else "not started", problem.sentence)
        if self._descriptor is None:
            sys.stderr.write(f"dpnode: {problem.sentence}\n")
        self._say({"kind": problem.kind.value, "sentence": problem.sentence})

    def _say(self, value: dict[str, Any]) -> None:
        if self._descriptor is None:
            return
        try:
            os.write(self._descriptor, json.dumps(value).encode() + b"\n")
        except BrokenPipeError:
            log.info("whoever started this daemon did not wait")
        os.close(self._descriptor)
        self._descriptor = None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the daemon of a home until it is stopped; returns the exit status."""
    quiet_stderr()
    # Drawings, the database and the log are the owner's alone, whatever mode a library would give them.
    os.umask(0o077)
    parser = argparse.ArgumentParser(prog="dpnode.process", description="The dpnode daemon; use 'dpnode up'.")
    parser.add_argument("--home", required=True)
    parser.add_argument("--foreground", action="store_true")
    parser.add_argument("--report-to", type=int, default=None)
    given = parser.parse_args(arguments)
    report = Report(given.report_to)
    home = find_home(given.home)
    try:
        home.make_folders()
        held = lock.take(home)
        try:
            settings = _settings(home)
            open_log(
                home,
                level=logging.getLevelNamesMapping()[settings.log.level.upper()],
                bytes_max=settings.log.file_bytes_max,
                files_kept=settings.log.files_kept,
                to_stderr=given.foreground,
            )
            _run(home, settings, report)
        finally:
            held.release()
    except Problem as problem:
        report.refused(problem)
        return problem.kind.exit_status
    except Exception as error:  # the edge of the process: the traceback belongs in the log, not on a closed stderr
        from dpnode.space import full_disk

        if (full := full_disk(error)) is not None:
            report.refused(Problem(FailKind.FAILED, full))
        else:
            log.exception("the daemon crashed")
        return FailKind.FAILED.exit_status
    finally:
        close_log()
    return 0


def _settings(home: Home) -> Settings:
    try:
        # Every key has its default, and so has the whole file.
        return load(home.config) if home.config.exists() else Settings()
    except ConfigWrong as wrong:
        raise Problem(FailKind.FAILED, "\n".join(wrong.problems)) from wrong


def _run(home: Home, settings: Settings, report: Report) -> None:
    # Imported late: a wrong setting is told without waiting two seconds for the network room.
    from dpnode.daemon import run_daemon

    def ready(value: dict[str, Any]) -> None:
        # What was loaded until now, mostly modules, stays as long as the process: searching it for garbage again and
        # again, and the entries of a range while they are checked, took an eighth of the time of catching up.
        gc.collect()
        gc.freeze()
        gc.set_threshold(GARBAGE_OBJECTS, *GARBAGE_ROUNDS)
        report.ready(value)

    run_daemon(home, settings, ready)


if __name__ == "__main__":
    sys.exit(main())
