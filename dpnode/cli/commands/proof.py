"""`dpnode ledger prove` and `dpnode ledger check`: bytes that hold offline, and what they show."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click

from dpnode.cli import shapes
from dpnode.cli.arguments import NEW_FILE
from dpnode.cli.blocks import Block, Facts, Note, facts
from dpnode.cli.frame import Run, command, family
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
    if out is None and not run.as_json and sys.stdout.isatty():
        raise Problem(FailKind.USAGE, "this is no text for a terminal: give --out FILE, or send it on with > or |")
    value = run.value_of(question, within_s=PROVE_WITHIN_S)
    if out is None and not run.as_json:
        sys.stdout.buffer.write(value[name])
        sys.stdout.buffer.flush()
        return
    if out is not None:
        _write(Path(out), value.pop(name))
        value["path"] = out
    run.show(value, _delivered)


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


@command("check", example="dpnode ledger check proof --charter charter")
@click.argument("proof", type=FILE_OR_STDIN)
@click.option("--charter", required=True, type=FILE, help="The network's charter: `dpnode network charter`.")
def check(run: Run, proof: str, charter: str) -> None:
    """What a proof shows, by the charter alone; needs no node. Exit 8 where it does not hold."""
    from dpnode.reading.proof_shown import checked

    run.show(checked(_read(proof), _read(charter)), _shown)


def _read(path: str) -> bytes:
    try:
        with click.open_file(path, "rb") as file:
            data: bytes = file.read(READ_BYTES_MAX)
    except FileNotFoundError:
        raise Problem(FailKind.NOT_FOUND, f"there is no file {path}") from None
    except OSError as error:
        raise Problem(FailKind.FAILED, f"cannot read {path}: {error.strerror}") from error
    return data


def _shown(value: Fields) -> Iterator[Block]:
    shows = str(value["shows"])
    yield Note(text=f"{shows[0].upper()}{shows[1:]}.")
    yield facts(
        value,
        ("Time", "time_ms", shapes.when),
        ("Network", "network", shapes.party),
        ("Network id", "network", lambda network: str(network["id"])),
        ("Block", "block", str),
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
