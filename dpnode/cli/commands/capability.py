"""`dpnode cap` and `dpnode directory`: what this node can make, and what the network can."""

from collections.abc import Iterator, Sequence

import click

from dpnode.cli import shapes
from dpnode.cli.arguments import ASSIGNMENT, EXISTING_FILE
from dpnode.cli.blocks import Block, Column, Facts, Note, Table, facts
from dpnode.cli.frame import Run, command, family
from dpnode.control.answers import Fields
from dpnode.control.questions.capability import (
    CapabilityAdd,
    CapabilityImport,
    CapabilityList,
    CapabilityRemove,
    CapabilityShow,
    DirectorySearch,
)

LIMIT_MAX = 1_000

_CAPABILITY = (
    Column(title="Capability", key="id", shape=shapes.ident),
    Column(title="Function", key="function_name"),
    Column(title="Label", key="label"),
    Column(title="Price", key="price"),
    Column(title="State", key="state", spare=1),
    Column(title="Until", key="until_ms", shape=shapes.when, spare=2),
)


@command("add", example="dpnode cap add printer.toml\ndpnode cap add printer.toml --replace --dry-run", writes=True)
@click.argument("file", type=EXISTING_FILE)
@click.option("--replace", is_flag=True, help="In place of your offer of the same name; tells what changes.")
def add(run: Run, file: str, replace: bool) -> None:
    """Offer what a capability file describes; its advert is signed and sent to the members."""
    run.ask(CapabilityAdd(path=file, replace=replace, dry_run=run.dry_run), _one)


@command("list", example="dpnode cap list")
def list_capabilities(run: Run) -> None:
    """What this node offers."""
    run.ask(
        CapabilityList(),
        lambda value: [
            Table(
                columns=_CAPABILITY,
                rows=value.get("capabilities", []),
                empty="Nothing is offered here: dpnode cap add FILE.",
            )
        ],
    )


@command("show", example='dpnode cap show hash-k3q7m2\ndpnode cap show "desk pr"')
@click.argument("name")
def show(run: Run, name: str) -> None:
    """One capability in full, by its name, a part of it that only one has, or its id."""
    run.ask(CapabilityShow(id=name), _one)


def _one(value: Fields) -> Iterator[Block]:
    yield facts(
        value,
        ("Capability", "id", shapes.ident),
        ("Label", "label", str),
        ("Function", "function_name", str),
        ("Function id", "function", str),
        ("Member", "member", shapes.party),
        ("Limits", "limits", lambda limits: "\n".join(f"{key}: {text}" for key, text in limits.items())),
        ("Price", "price", str),
        ("Rate", "rate", str),
        ("Lead time", "lead_time_ms", shapes.span),
        ("Hours", "hours", str),
        ("State", "state", str),
        ("Until", "until_ms", shapes.when),
        ("File", "path", str),
    )
    if value.get("changes"):
        yield Table(
            title="What changes",
            columns=(
                Column(title="Key", key="key"),
                Column(title="Was", key="was"),
                Column(title="Becomes", key="becomes"),
            ),
            rows=value["changes"],
        )
    for note in value.get("notes", []):
        yield Note(text=note)


@command("remove", example="dpnode cap remove hash-k3q7m2", writes=True)
@click.argument("name")
def remove(run: Run, name: str) -> None:
    """Offer it no longer; proposals already made still stand. Named as in `cap show`."""
    run.ask(CapabilityRemove(id=name, dry_run=run.dry_run), _one)


@command("import", example="dpnode cap import facility.json", writes=True)
@click.argument("file", type=EXISTING_FILE)
def import_facility(run: Run, file: str) -> None:
    """Read an Open Know-Where facility: take what its equipment maps to, list what is missing."""
    run.ask(CapabilityImport(path=file, dry_run=run.dry_run), _imported)


def _imported(value: Fields) -> Iterator[Block]:
    yield facts(value, ("Facility", "facility", str))
    yield Table(title="Taken", columns=_CAPABILITY, rows=value.get("capabilities", []), empty="Nothing was taken.")
    yield Table(
        title="Not taken or not said",
        columns=(
            Column(title="Equipment", key="equipment"),
            Column(title="What is missing", key="missing", shape=shapes.listed),
        ),
        rows=value.get("missing", []),
        empty="Nothing is missing.",
    )


cap_command = family("cap", "What this node can make.", add, list_capabilities, show, remove, import_facility)


@command(
    "directory", example="dpnode directory printing\ndpnode directory --function 3d-printing-fdm --param material=PLA"
)
@click.argument("words", nargs=-1)
@click.option("--function", help="Id or name of a function.")
@click.option("--param", "parameters", multiple=True, type=ASSIGNMENT, help="Only who can do this, e.g. length=120mm.")
@click.option("--member", help="Only this member's.")
@click.option("--limit", type=click.IntRange(1, LIMIT_MAX), default=50, show_default=True)
def directory_command(
    run: Run,
    words: Sequence[str],
    function: str | None,
    parameters: Sequence[tuple[str, str]],
    member: str | None,
    limit: int,
) -> None:
    """Search what the network can make."""
    question = DirectorySearch(
        words=" ".join(words), function=function, parameters=dict(parameters), member=member, limit=limit
    )
    run.ask(question, _found)


def _found(value: Fields) -> Iterator[Block]:
    rows: list[Fields] = value.get("adverts", [])
    yield Table(
        columns=(
            Column(title="Function", key="function_name"),
            Column(title="Member", key="member", shape=shapes.party),
            Column(title="Limits", key="limits", shape=shapes.by_name),
            Column(title="Price", key="price"),
            Column(title="Lead time", key="lead_time_ms", shape=shapes.span, right=True, spare=1),
            Column(title="Km", key="distance_km", shape=shapes.count, right=True, spare=2),
        ),
        rows=rows,
        empty="Nobody offers that.",
    )
    if value.get("total", 0) > len(rows):
        yield Facts(pairs=[("Shown", f"{len(rows)} of {shapes.count(value['total'])}")])
    for note in value.get("notes", []):
        yield Note(text=note)
