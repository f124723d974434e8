"""Who joins late begins with a snapshot: a file that holds or is refused, then the ledger like everybody's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from dpnode import offline
from dpnode.control.questions.holdings import CreditIssue, CreditOpen, CreditPay
from dpnode.control.questions.ledger import (
    LedgerBalance,
    LedgerBlocks,
    LedgerExport,
    LedgerJournal,
    LedgerProve,
    LedgerShow,
    LedgerStatus,
    LedgerVerify,
)
from dpnode.control.questions.network import NetworkCharter
from dpnode.errors import FailKind, Problem
from dpnode.reading.proof_shown import checked
from tests.journeys.kills import Thread
from tests.journeys.nodes import Node, Street, level, pause, street, until

BLOCKS = 300
"""Far more than one block, few enough to make."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Late:
    """A founder with a history, its snapshot, and somebody who joined with it."""

    street: Street
    founder: Node
    guest: Node
    snapshot: Path
    at: int
    """The snapshot's height."""
    first: str
    """The id of the first entry of all, which is older."""


@pytest.fixture(scope="module")
def late() -> Iterator[Late]:
    with street() as made:
        founder, guest = made.node("ada"), made.node("bob")
        made.network(founder)
        first = founder.ask(CreditOpen(symbol="EUR", redeemable="bread"))["entry"]
        founder.ask(CreditIssue(amount="1000.00 EUR", member="ada"))
        early = made.node("early")
        early.up()
        early.join(founder.invite())
        while founder.height() < BLOCKS:
            founder.ask(CreditPay(member="early", amount="0.01 EUR"))
        snapshot = made.folder / "snapshot"
        written = founder.dpnode("ledger", "snapshot", "--out", str(snapshot))
        assert written.returncode == 0, written.stderr
        at = founder.height()
        founder.ask(CreditPay(member="early", amount="1.00 EUR"))
        guest.up()
        guest.join(founder.invite(), snapshot=str(snapshot))
        yield Late(street=made, founder=founder, guest=guest, snapshot=snapshot, at=at, first=first)


def test_it_holds_the_same_ledger_and_follows(late: Late) -> None:
    """O-17."""
    late.founder.ask(CreditPay(member="bob", amount="2.00 EUR"))
    until(lambda: level(late.founder, late.guest), "the same ledger")
    (held,) = late.guest.ask(LedgerBalance())["accounts"]
    assert (held["free"]["amount"], held["held"]["amount"]) == (200, 0)


def test_it_fetched_no_older_block_and_says_from_where_on_it_has_the_history(late: Late) -> None:
    guest = late.guest
    assert guest.ask(LedgerStatus())["from"] == late.at
    blocks = guest.ask(LedgerBlocks(limit=1_000))["blocks"]
    assert blocks[-1]["height"] == late.at
    journal = guest.ask(LedgerJournal(limit=1_000))
    assert (journal["from"], journal["more"]) == (late.at, False)
    assert min(one["height"] for one in journal["entries"]) == late.at
    for question in (LedgerShow(id=late.first), LedgerProve(what="entry", id=late.first)):
        problem = guest.refuses(question)
        assert problem.kind is FailKind.NOT_FOUND
        assert f"has the history from block {late.at:,} on" in problem.sentence


def test_what_it_has_is_verified_and_exported_from_there(late: Late, tmp_path: Path) -> None:
    """O-11."""
    guest = late.guest
    verified = guest.ask(LedgerVerify(), within_s=60)
    assert (verified["from"], verified["height"], verified["root"]) == (late.at, *guest.root())
    guest.ask(LedgerExport(path=str(tmp_path / "ledger")), within_s=60)
    lines = [json.loads(line) for line in (tmp_path / "ledger").read_text("utf-8").splitlines()]
    assert lines[0]["from"] == late.at
    assert next(line for line in lines if line["is"] == "block")["height"] == late.at
    problem = guest.refuses(LedgerExport(path=str(tmp_path / "books"), form="beancount"))
    assert "ask another member" in problem.sentence


def test_its_signatures_are_checked_from_there_on(late: Late) -> None:
    until(lambda: late.guest.ask(LedgerStatus())["checked_height"] == late.guest.height(), "the signatures")


def test_it_proves_a_balance_to_a_stranger(late: Late) -> None:
    made = late.guest.ask(LedgerProve(what="balance", id="EUR@ada", member="early"))
    value = checked(bytes.fromhex(made["proof"]) if isinstance(made["proof"], str) else made["proof"], charter(late))
    assert value["is"] == "holding" and value["free"] > 0


def charter(late: Late) -> bytes:
    body = late.founder.ask(NetworkCharter())["charter"]
    return bytes.fromhex(body) if isinstance(body, str) else body


def test_who_joins_at_charter_still_finds_all_blocks_beside_one_that_has_not(late: Late) -> None:
    """P-30, P-32: the late one answers with an empty range, and the founder is asked."""
    third = late.street.node("cleo")
    third.up()
    third.join(late.founder.invite())
    until(lambda: level(late.founder, late.guest, third), "the same ledger")
    assert "from" not in third.ask(LedgerStatus())
    assert third.ask(LedgerVerify(), within_s=60)["height"] == third.height()


def test_a_damaged_snapshot_is_refused_and_leaves_the_invitation_and_the_home_as_they_were(late: Late) -> None:
    """O-16: exit 8, and the same invitation still brings its holder in."""
    guest, whole = late.street.node("dora"), late.snapshot.read_bytes()
    guest.up()
    invitation = late.founder.invite()
    damaged = late.street.folder / "damaged"
    for data in (whole[:-1], whole[:-9] + b"\0" + whole[-8:], b"", b"dpnode", whole + b"\0"):
        damaged.write_bytes(data)
        with pytest.raises(Problem, match="the snapshot does not hold") as refused:
            guest.join(invitation, snapshot=str(damaged))
        assert refused.value.kind is FailKind.VERIFICATION
    said = late.street.folder / "charter"
    said.write_bytes(charter(late))
    seen = guest.dpnode("ledger", "check", str(damaged), "--charter", str(said))
    assert (seen.returncode, "does not hold" in seen.stderr) == (8, True)
    assert guest.refuses(LedgerStatus()).kind is FailKind.REFUSED
    guest.kill()
    guest.up()
    guest.join(invitation, snapshot=str(late.snapshot))
    until(lambda: level(late.founder, guest), "the same ledger")


def test_killed_at_any_moment_of_joining_it_can_join_again(late: Late) -> None:
    """All of the snapshot is there after a start, or nothing is."""
    guest = late.street.node("elma")
    guest.up()
    invitation = late.founder.invite()
    for wait_s in (0.0, 0.03, 0.1, 0.2, 0.3):
        joining = Thread(partial(guest.join, invitation, snapshot=str(late.snapshot)))
        joining.start()
        pause(wait_s)
        guest.kill()
        joining.join()
        guest.up()
        if "network" in guest.status():
            break
    else:
        # It may have become a member before its home did; then the invitation is used, and it comes by a new one.
        guest.join(late.founder.invite(), snapshot=str(late.snapshot))
    until(lambda: level(late.founder, guest), "the same ledger")
    assert guest.ask(LedgerStatus())["from"] == late.at


def test_a_snapshot_of_one_that_began_with_one_is_as_good(late: Late) -> None:
    """O-13: also with its daemon stopped; both are of one state, so their pairs are the same bytes."""
    guest = late.street.node("fred")
    guest.up()
    late.guest.stop()
    again = late.street.folder / "again"
    try:
        assert late.guest.dpnode("ledger", "snapshot", "--out", str(again)).returncode == 0
        twice = late.guest.dpnode("ledger", "snapshot", "--out", str(again))
        assert (twice.returncode, "never overwrites" in twice.stderr) == (5, True)
    finally:
        late.guest.up()
    guest.join(late.founder.invite(), snapshot=str(again))
    until(lambda: level(late.founder, late.guest, guest), "the same ledger")


def test_a_home_without_a_block_has_no_snapshot(late: Late) -> None:
    lonely = late.street.node("gwen")
    with pytest.raises(Problem) as refused:
        b"".join(offline.snapshot(lonely.home, lambda value: None))
    assert refused.value.kind is FailKind.REFUSED
    lonely.found("Elsewhere")
    with pytest.raises(Problem, match="no block yet"):
        b"".join(offline.snapshot(lonely.home, lambda value: None))
