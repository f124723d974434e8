"""Options of the commands that bring a home into a network: with what its ledger begins."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from dpnode.errors import FailKind, Problem

F = TypeVar("F", bound=Callable[..., Any])
SNAPSHOT_FILE = click.Path(exists=True, dir_okay=False, resolve_path=True)


def beginning_options(function: F) -> F:
    """`--snapshot` and `--whole`, of which one at most can be given."""
    whole = click.option(
        "--whole",
        is_flag=True,
        callback=_not_both,
        help="Replay the whole ledger; else a long one is begun with a snapshot from members' machines.",
    )
    snapshot = click.option(
        "--snapshot", type=SNAPSHOT_FILE, is_eager=True, help="Begin with this file of `dpnode ledger snapshot`."
    )
    return snapshot(whole(function))


def _not_both(context: click.Context, option: click.Parameter, whole: bool) -> bool:
    if whole and context.params.get("snapshot"):
        raise Problem(FailKind.USAGE, "--snapshot begins with a snapshot and --whole with none: give one of them")
    return whole
