"""`dpnode motion`, `dpnode network witnesses`, `dpnode ledger evidence`: who orders entries, and who decides it."""

from collections.abc import Iterator

import click

from dpnode.cli import shapes
from dpnode.cli.arguments import SPAN
from dpnode.cli.blocks import Block, Column, Note, Table, facts
from dpnode.cli.frame import Run, command, family, wait_option
from dpnode.control.answers import Fields
from dpnode.control.questions.ledger import LedgerAlarmsSeen, LedgerEvidence
from dpnode.control.questions.motion import (
    MOTION_LASTS_MS,
    MotionList,
    MotionOpen,
    MotionShow,
    MotionVote,
    MotionWithdraw,
)
from dpnode.control.questions.network import NetworkWitnesses

KINDS = ("seat", "unseat")


@command("open", example='dpnode motion open seat ben --lasts 14d --about "Ben\'s machine is always on"', writes=True)
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("member")
@click.option("--about", default="", help="Why, for those who vote.")
@click.option("--lasts", "lasts_ms", type=SPAN, default=MOTION_LASTS_MS, metavar="SPAN", help="Until it ends (14d).")
@wait_option
def open_motion(run: Run, kind: str, member: str, about: str, lasts_ms: int, wait_ms: int) -> None:
    """Put to the vote whether a member gets, or loses, a witness's seat."""
    question = MotionOpen(
        kind=kind, member=member, about=about, lasts_ms=lasts_ms, wait_ms=wait_ms, dry_run=run.dry_run
    )
    run.ask(question, _motion)


@command("vote", example="dpnode motion vote motion-k3q7m2aa yes", writes=True)
@click.argument("motion")
@click.argument("said", type=click.Choice(("yes", "no")))
@click.option("--as", "group", metavar="GROUP", help="In the name of this group of yours.")
@wait_option
def vote(run: Run, motion: str, said: str, group: str | None, wait_ms: int) -> None:
    """Say yes or no to an open motion; the other word changes your vote."""
    question = MotionVote(id=motion, yes=said == "yes", group=group, wait_ms=wait_ms, dry_run=run.dry_run)
    run.ask(question, _motion)


@command("withdraw", example="dpnode motion withdraw motion-k3q7m2aa", writes=True)
@click.argument("motion")
@wait_option
def withdraw(run: Run, motion: str, wait_ms: int) -> None:
    """Take back an open motion of yours."""
    run.ask(MotionWithdraw(id=motion, wait_ms=wait_ms, dry_run=run.dry_run), _motion)


@command("list", example="dpnode motion list --all")
@click.option("--all", "everything", is_flag=True, help="Those decided, ended or withdrawn, too.")
def list_motions(run: Run, everything: bool) -> None:
    """What is being decided now."""
    run.ask(MotionList(everything=everything), _motions)


def _motions(value: Fields) -> Iterator[Block]:
    yield Table(
        columns=(
            Column(title="Motion", key="id", shape=shapes.ident),
            Column(title="About", key="matter"),
            Column(title="State", key="state"),
            Column(title="Yes", key="yes", shape=shapes.count, right=True),
            Column(title="Needed", key="yes_needed", shape=shapes.count, right=True),
            Column(title="No", key="no", shape=shapes.count, right=True),
            Column(title="Ends", key="until_ms", shape=shapes.when),
            Column(title="Opened by", key="by", shape=shapes.party),
        ),
        rows=value.get("motions", []),
        empty="Nothing is being decided: dpnode motion open.",
    )


@command("show", example="dpnode motion show motion-k3q7m2aa --json")
@click.argument("motion")
def show(run: Run, motion: str) -> None:
    """One motion, and who said what."""
    run.ask(MotionShow(id=motion), _motion)


def _motion(value: Fields) -> Iterator[Block]:
    yield facts(
        value,
        ("Motion", "id", shapes.ident),
        ("About", "matter", str),
        ("Because", "about", str),
        ("Opened by", "by", shapes.party),
        ("State", "state", str),
        ("Yes", "yes", shapes.count),
        ("Yes needed", "yes_needed", shapes.count),
        ("No", "no", shapes.count),
        ("Votes there are", "able", shapes.count),
        ("Ends", "until_ms", shapes.when),
        ("Passed", "passed_ms", shapes.when),
        ("Seat taken at height", "used_height", shapes.count),
        ("Entry", "entry", shapes.ident),
        ("Binding", "binding", str),
        ("Height", "height", shapes.count),
    )
    if "votes" in value:
        yield Table(
            title="Votes",
            columns=(
                Column(title="Member", key="member", shape=shapes.party),
                Column(title="Yes", key="yes", shape=shapes.yes),
            ),
            rows=value["votes"],
            empty="Nobody has voted yet.",
        )
    for note in value.get("notes", []):
        yield Note(text=note)


@command("witnesses", example="dpnode network witnesses")
def witnesses(run: Run) -> None:
    """Who orders entries, and how many of them may be down or lying."""
    run.ask(NetworkWitnesses(), witnesses_told)


def witnesses_told(value: Fields) -> Iterator[Block]:
    """The witnesses, and what so many of them mean."""
    yield Table(
        columns=(
            Column(title="Place", key="place", shape=shapes.count, right=True),
            Column(title="Member", key="member", shape=shapes.party),
            Column(title="Voting key", key="key", shape=shapes.ident),
            Column(title="Since height", key="since_height", shape=shapes.count, right=True),
            Column(title="Here now", key="connected", shape=shapes.yes),
            Column(title="Evidence", key="evidence", shape=shapes.count, right=True),
        ),
        rows=value.get("witnesses", []),
        empty="No witnesses.",
    )
    yield Note(text=f"{value.get('withstands', '')}.")


@command("evidence", example="dpnode ledger evidence --json")
@click.option("--seen", is_flag=True, help="Say that you have read the alarms: they are shown no more.")
def evidence(run: Run, seen: bool) -> None:
    """Double votes of witnesses, each of which cost its witness the seat; and alarms of a second history."""
    if seen:
        run.ask(LedgerAlarmsSeen(), _seen)
    else:
        run.ask(LedgerEvidence(), _evidence)


def _seen(value: Fields) -> Iterator[Block]:
    yield Note(text="Nothing was waiting to be seen." if not value.get("seen") else "The alarms are shown no more.")


def _evidence(value: Fields) -> Iterator[Block]:
    for alarm in value.get("alarms", []):
        yield Note(text=f"{alarm['sentence']}.")
    yield Table(
        columns=(
            Column(title="Member", key="member", shape=shapes.party),
            Column(title="Voting key", key="key", shape=shapes.ident),
            Column(title="Epoch", key="epoch", shape=shapes.count, right=True),
            Column(title="View", key="view", shape=shapes.count, right=True),
            Column(title="Votes", key="votes", shape=shapes.listed),
            Column(title="Recorded", key="recorded_ms", shape=shapes.when),
            Column(title="By", key="by", shape=shapes.party),
        ),
        rows=value.get("evidence", []),
        empty="No witness ever voted twice.",
    )


motion_command = family(
    "motion",
    "Decide together who orders entries: open, vote, withdraw, list, show.",
    open_motion,
    vote,
    withdraw,
    list_motions,
    show,
)
