"""`dpnode witness`: list, accept, resign, rekey: a witness's seat as its owner sees and keeps it."""

from collections.abc import Iterator

import click

from dpnode.cli import shapes
from dpnode.cli.blocks import Block, Note, facts
from dpnode.cli.commands.motion import witnesses_told
from dpnode.cli.frame import Run, command, family, wait_option
from dpnode.control.answers import Fields
from dpnode.control.questions.network import NetworkWitnesses
from dpnode.control.questions.witness import WitnessAccept, WitnessRekey, WitnessResign


@command("list", example="dpnode witness list")
def list_witnesses(run: Run) -> None:
    """Who orders entries, and how many of them may be down or lying."""
    run.ask(NetworkWitnesses(), witnesses_told)


@command("accept", example="dpnode witness accept\ndpnode witness accept motion-k3q7m2aa", writes=True)
@click.argument("motion", required=False)
@wait_option
def accept(run: Run, motion: str | None, wait_ms: int) -> None:
    """Take the seat that a motion of the members gave you; this machine then has to be on as a rule."""
    run.ask(WitnessAccept(motion=motion, wait_ms=wait_ms, dry_run=run.dry_run), _seat)


@command("resign", example="dpnode witness resign", writes=True)
@wait_option
def resign(run: Run, wait_ms: int) -> None:
    """Give your seat up; another motion can give it again."""
    run.ask(WitnessResign(wait_ms=wait_ms, dry_run=run.dry_run), _seat)


@command("rekey", example="dpnode witness rekey", writes=True)
@wait_option
def rekey(run: Run, wait_ms: int) -> None:
    """Vote under a fresh key: where the journal of votes is lost, damaged or older than the votes."""
    run.ask(WitnessRekey(wait_ms=wait_ms, dry_run=run.dry_run), _seat)


def _seat(value: Fields) -> Iterator[Block]:
    yield facts(
        value,
        ("Motion", "motion", shapes.ident),
        ("Voting key", "key", shapes.ident),
        ("Instead of", "old_key", shapes.ident),
        ("Entry", "entry", shapes.ident),
        ("Binding", "binding", str),
        ("Height", "height", shapes.count),
    )
    for note in value.get("notes", []):
        yield Note(text=f"! {note}")
    yield Note(text=f"{value.get('withstands', '')}.")


witness_command = family(
    "witness",
    "A witness's seat: list, accept, resign, rekey.",
    list_witnesses,
    accept,
    resign,
    rekey,
)
