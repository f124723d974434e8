"""`dpnode group`: partnerships and cooperatives that own as one, and what is put to them."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import click

from dpnode.cli import shapes
from dpnode.cli.arguments import UNITS_MAX
from dpnode.cli.blocks import Block, Column, Note, Table, facts
from dpnode.cli.commands.owning import offers_table, shares_table, written
from dpnode.cli.frame import Run, command, family, wait_option
from dpnode.control.answers import Fields
from dpnode.control.questions.owning import (
    GroupAgree,
    GroupChange,
    GroupFound,
    GroupJoin,
    GroupLeave,
    GroupList,
    GroupShow,
)


@command("list", example="dpnode group list --all")
@click.option("--all", "everybody", is_flag=True, help="Every group, not only yours.")
def list_groups(run: Run, everybody: bool) -> None:
    """Groups you belong to, or are asked into."""
    run.ask(
        GroupList(everybody=everybody),
        lambda value: [
            Table(
                columns=(
                    Column(title="Group", key="name", shape=shapes.name),
                    Column(title="Id", key="id", shape=shapes.ident),
                    Column(title="Members", key="members", shape=shapes.count, right=True),
                    Column(title="Asked", key="asked", shape=shapes.count, right=True),
                    Column(title="Needed", key="needed", shape=shapes.count, right=True),
                    Column(title="Of", key="weight", shape=shapes.count, right=True),
                    Column(title="Open acts", key="acts", shape=shapes.count, right=True),
                    Column(title="You", key="you"),
                ),
                rows=value.get("groups", []),
                empty="No groups: dpnode group found.",
            )
        ],
    )


@command("show", example='dpnode group show "Old mill"')
@click.argument("id")
def show(run: Run, id: str) -> None:  # noqa: A002 - the argument's name in the usage line
    """One group: its people, what it has, what is put to it."""
    run.ask(GroupShow(id=id), _group)


def _group(value: Fields) -> Iterator[Block]:
    yield facts(
        value,
        ("Group", "name", shapes.name),
        ("Id", "id", shapes.ident),
        ("Needed", "needed", shapes.count),
        ("Takes gifts", "gifts", shapes.yes),
        ("Since", "since_ms", shapes.when),
        ("Ended", "ended_ms", shapes.when),
    )
    yield Table(
        title="People",
        columns=(
            Column(title="Member", key="member", shape=shapes.party),
            Column(title="Weight", key="weight", shape=shapes.count, right=True),
            Column(title="Belongs", key="belongs", shape=shapes.yes),
        ),
        rows=value.get("people", []),
        empty="Nobody.",
    )
    yield shares_table(value, "Owns no shares.")
    for one in value.get("credits", []):
        yield Note(text=f"has {shapes.amount(one)}")
    yield from offers_table(value)
    yield Table(
        title="Open acts",
        columns=(
            Column(title="Act", key="id", shape=shapes.ident),
            Column(title="Does", key="does"),
            Column(title="Agreed", key="weight", shape=shapes.count, right=True),
            Column(title="Needed", key="needed", shape=shapes.count, right=True),
            Column(title="By", key="by", shape=shapes.party),
            Column(title="Until", key="until_ms", shape=shapes.when),
        ),
        rows=value.get("acts", []),
        empty="Nothing is put to the group.",
    )


@command("found", example='dpnode group found "Old mill" --needed 2 --with ben --with cleo:2', writes=True)
@click.argument("label", metavar="NAME")
@click.option("--needed", type=click.IntRange(1, UNITS_MAX), required=True, help="How much weight agrees to an act.")
@click.option("--with", "members", multiple=True, metavar="MEMBER[:WEIGHT]", help="Who is asked in.")
@click.option("--own-weight", type=click.IntRange(1, UNITS_MAX), default=1, show_default=True)
@click.option("--gifts", is_flag=True, help="Take units that are given unasked.")
@wait_option
def found(run: Run, members: Sequence[str], **given: Any) -> None:
    """Found a partnership or cooperative that owns as one."""
    run.ask(GroupFound(members=tuple(members), dry_run=run.dry_run, **given), written)


@command("join", example='dpnode group join "Old mill"', writes=True)
@click.argument("id")
@wait_option
def join(run: Run, **given: Any) -> None:
    """Join a group that asked you, as it is now."""
    run.ask(GroupJoin(dry_run=run.dry_run, **given), written)


@command("leave", example='dpnode group leave "Old mill"', writes=True)
@click.argument("id")
@wait_option
def leave(run: Run, **given: Any) -> None:
    """Leave a group, or decline to join."""
    run.ask(GroupLeave(dry_run=run.dry_run, **given), written)


@command("change", example='dpnode group change "Old mill" --ask dora:2 --needed 3 --gifts yes', writes=True)
@click.argument("id")
@click.option("--name", "label", help="A new name.")
@click.option("--needed", type=click.IntRange(1, UNITS_MAX), help="How much weight agrees to an act.")
@click.option("--ask", multiple=True, metavar="MEMBER[:WEIGHT]", help="Who is asked in.")
@click.option("--remove", multiple=True, metavar="MEMBER", help="Who belongs no more.")
@click.option("--gifts", type=click.Choice(("yes", "no")), help="Whether units may be given unasked.")
@wait_option
def change(run: Run, ask: Sequence[str], remove: Sequence[str], gifts: str | None, **given: Any) -> None:
    """Put a change of itself to a group."""
    given["gifts"] = None if gifts is None else gifts == "yes"
    run.ask(GroupChange(ask=tuple(ask), remove=tuple(remove), dry_run=run.dry_run, **given), written)


def _consent(name: str, agrees: bool, sentence: str) -> click.Command:
    @click.argument("id", metavar="ACT")
    @wait_option
    def consent(run: Run, **given: Any) -> None:
        run.ask(GroupAgree(agrees=agrees, dry_run=run.dry_run, **given), written)

    consent.__doc__ = sentence
    made: Callable[[Callable[..., None]], click.Command] = command(
        name, example=f"dpnode group {name} ent-k3q7m2aa", writes=True
    )
    return made(consent)


group_command = family(
    "group",
    "Own as one: found a group, join, put acts to it, agree.",
    found,
    join,
    list_groups,
    show,
    _consent("agree", True, "Agree to an act of a group; the consent that makes enough does it."),
    _consent("disagree", False, "Take your consent to an act back."),
    change,
    leave,
)
