"""`dpnode ledger prove`, `snapshot` and `check`: bytes that hold offline, and what they show."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import click

from dpnode.cli import shapes
from dpnode.cli.arguments import NEW_FILE
from dpnode.cli.blocks import Block, Facts, Note, facts
from dpnode.cli.frame import Run, command, family
from dpnode.cli.progress import ProgressLine
from dpnode.control.answers import Fields
from dpnode.control.questions.base import Question
from dpnode.control.questions.ledger import LedgerProve
from dpnode.errors import FailKind, Problem

FILE = click.Path(dir_okay=False)
FILE_OR_STDIN = click.Path(dir_okay=False, allow_dash=True)
READ_BYTES_MAX = (1 << 20) + 1
"""A byte more than any proof or charter has, so that one that is longer is refused for that."""
PROVE_WITHIN_S = 60.0


def out_option(work: Callable[..., None]) -> Callable[..., None]:
    """`--out`: where bytes go that are no text."""
    return click.option("--out", type=NEW_FILE, help="Write to this new file instead of stdout.")(work)


def deliver(run: Run, question: Question, name: str, out: str | None) -> None:
    """Write the bytes under `name` of an answer to stdout or a new file; raises `Problem`."""
    if out is None and not run.as_json:
        _refuse_terminal()
    value = run.value_of(question, within_s=PROVE_WITHIN_S)
    if out is None and not run.as_json:
        sys.stdout.buffer.write(value[name])
        sys.stdout.buffer.flush()
        return
    if out is not None:
        _write(Path(out), value.pop(name))
        value["path"] = out
    run.show(value, _delivered)


def _refuse_terminal() -> None:
    if sys.stdout.isatty():
        raise Problem(FailKind.USAGE, "this is no text for a terminal: give --out FILE, or send it on with > or |")


def _delivered(value: Fields) -> Iterator[Block]:
    yield facts(
        value,
        ("File", "path", str),
        ("Size", "bytes", shapes.size),
        ("Of", "id", str),
        ("At block", "height", shapes.count),
    )


def _write(path: Path, data: bytes) -> None:
    try:
        with path.open("xb") as file:
            file.write(data)
    except FileExistsError:
        raise Problem(FailKind.REFUSED, f"{path} exists already; nothing is overwritten") from None
    except OSError as error:
        raise Problem(FailKind.FAILED, f"cannot write {path}: {error.strerror}") from error


@command(
    "balance",
    example="""dpnode ledger prove balance --out proof
    dpnode ledger prove balance anna --credit EUR@founder --out proof""",
)
@click.argument("member", required=False)
@click.option("--credit", help="Which; may be left out where the member has one only.")
@out_option
def balance(run: Run, member: str | None, credit: str | None, out: str | None) -> None:
    """What a member (you unless you name one) has of a credit now, were it nothing."""
    deliver(run, LedgerProve(what="balance", id=credit, member=member), "proof", out)


@command(
    "share", example="dpnode ledger prove share printer --out proof\ndpnode ledger prove share printer anna --out proof"
)
@click.argument("asset")
@click.argument("member", required=False)
@out_option
def share(run: Run, asset: str, member: str | None, out: str | None) -> None:
    """How many units of an asset a member (you unless you name one) owns now."""
    deliver(run, LedgerProve(what="share", id=asset, member=member), "proof", out)


@command("entry", example="dpnode ledger prove entry ent-k3q7m2aa --out proof")
@click.argument("id")
@out_option
def entry(run: Run, id: str, out: str | None) -> None:  # noqa: A002 - the argument's name in the usage line
    """That an entry stands in its block, and what became of it."""
    deliver(run, LedgerProve(what="entry", id=id), "proof", out)


@command("snapshot", example="dpnode ledger snapshot --out snapshot")
@out_option
def snapshot(run: Run, out: str | None) -> None:
    """Write the whole state of the newest block, for who joins late; anybody can check it offline."""
    from dpnode import offline

    if out is None and run.as_json:
        raise Problem(FailKind.USAGE, "a snapshot is bytes and no JSON: give --out FILE")
    if out is None:
        _refuse_terminal()
    with ProgressLine() as line:
        if out is None:
            for part in offline.snapshot(run.home, line.draw):
                sys.stdout.buffer.write(part)
            sys.stdout.buffer.flush()
            return
        value = offline.snapshot_file(run.home, Path(out), line.draw)
    run.show(value, _delivered)


@command(
    "check",
    example="dpnode ledger check proof --charter charter\ndpnode ledger check snapshot --charter charter",
)
@click.argument("proof", type=FILE_OR_STDIN)
@click.option("--charter", required=True, type=FILE, help="The network's charter: `dpnode network charter`.")
def check(run: Run, proof: str, charter: str) -> None:
    """What a proof or snapshot shows, by the charter alone; needs no node. Exit 8 where it does not hold."""
    from dpnode.reading.proof_shown import checked
    from dpnode.reading.snapshot import MAGIC, is_meant
    from dpnode.reading.snapshot import checked as snapshot_checked

    founding = _read(charter)
    with _opened(proof) as file, ProgressLine() as line:
        begin = file.read(len(MAGIC))
        if is_meant(begin):
            rest = Behind(begin, file)
            value = snapshot_checked(rest.read, founding, line.draw)
        else:
            value = checked(begin + file.read(READ_BYTES_MAX), founding)
    run.show(value, _shown)


class Behind:
    """A stream with the bytes that were taken off its front put back."""

    def __init__(self, taken: bytes, stream: IO[bytes]) -> None:
        self._taken = taken
        self._stream = stream

    def read(self, size: int) -> bytes:
        """As many bytes, or fewer at the end."""
        taken, self._taken = self._taken[:size], self._taken[size:]
        return taken + self._stream.read(size - len(taken))


def _read(path: str) -> bytes:
    with _opened(path) as file:
        return file.read(READ_BYTES_MAX)


@contextmanager
def _opened(path: str) -> Iterator[IO[bytes]]:
    """A file or stdin; raises `Problem`, also for what reading it meets."""
    try:
        with click.open_file(path, "rb") as file:
            yield file
    except FileNotFoundError:
        raise Problem(FailKind.NOT_FOUND, f"there is no file {path}") from None
    except OSError as error:
        raise Problem(FailKind.FAILED, f"cannot read {path}: {error.strerror}") from error


def _shown(value: Fields) -> Iterator[Block]:
    shows = str(value["shows"])
    yield Note(text=f"{shows[0].upper()}{shows[1:]}.")
    yield facts(
        value,
        ("Time", "time_ms", shapes.when),
        ("Network", "network", shapes.party),
        ("Network id", "network", lambda network: str(network["id"])),
        ("Block", "block", str),
        ("Pairs", "pairs", shapes.count),
        ("Size", "bytes", shapes.size),
        ("State root", "root", lambda root: root.hex() if isinstance(root, bytes) else str(root)),
        ("Member", "member", lambda member: str(member["id"])),
        ("Thing", "id", str),
        ("Entry", "entry", str),
        ("Key", "key", lambda key: key.hex() if isinstance(key, bytes) else str(key)),
        ("Outcome", "outcome", str),
        ("Epoch", "epoch", shapes.count),
    )
    content = value.get("content")
    if content:
        from dpnode.cli.commands.ledger import flat

        yield Facts(title="Content", pairs=list(flat(content)))
    yield Note(
        text=f"Signed by {value['signed']} of the {value['witnesses']} witnesses of that time. It was so then; "
        "a proof of a newer block shows whether it still is."
    )


prove_family = family("prove", "Make a proof that anybody can check offline.", balance, share, entry)
