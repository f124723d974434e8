"""What members put to the vote, decide and read about who orders entries, as an owner asks it."""

from __future__ import annotations

from pathlib import Path

from dpnode.control.questions.ledger import LedgerEvidence
from dpnode.control.questions.motion import MotionList, MotionOpen, MotionShow, MotionVote, MotionWithdraw
from dpnode.control.questions.network import NetworkWitnesses
from dpnode.errors import FailKind
from tests.dpnode.answers.grown import Grown
from tests.dpnode.answers.nodes import asked, join_home, refused, running


async def test_a_founder_opens_a_motion_decides_it_and_withdraws_another(tmp_path: Path) -> None:
    grown = Grown(tmp_path / "ada")
    join_home(grown, tmp_path / "bob", "Bob", 7)
    async with running(grown.home) as ada:
        tried = await asked(ada, MotionOpen(kind="seat", member="Bob", dry_run=True))
        assert tried["dry_run"] and "id" not in tried
        opened = await asked(ada, MotionOpen(kind="seat", member="Bob", about="always on"))
        assert (opened["state"], opened["able"], opened["yes_needed"], opened["binding"]) == ("open", 1, 1, "final")
        assert opened["matter"] == "a witness's seat for Bob" and opened["id"][7:] == opened["entry"][4:]
        other = await asked(ada, MotionOpen(kind="seat", member="Bob"))
        voted = await asked(ada, MotionVote(id=opened["id"], yes=True))
        assert (voted["state"], voted["yes"]) == ("passed", 1)
        assert (await asked(ada, MotionWithdraw(id=other["id"])))["state"] == "withdrawn"
        assert (await asked(ada, MotionList()))["motions"] == []
        assert [one["state"] for one in (await asked(ada, MotionList(everything=True)))["motions"]] == [
            "withdrawn",
            "passed",
        ]
        (vote,) = (await asked(ada, MotionShow(id=opened["id"][:20])))["votes"]
        assert (vote["member"]["name"], vote["yes"]) == ("Ada", True)


async def test_what_cannot_be_decided_is_refused_with_its_reason(tmp_path: Path) -> None:
    grown = Grown(tmp_path / "ada")
    async with running(grown.home) as ada:
        for question, kind in (
            (MotionOpen(kind="unseat", member="Ada"), FailKind.REFUSED),
            (MotionOpen(kind="crown", member="Ada"), FailKind.USAGE),
            (MotionOpen(kind="seat", member="Nobody"), FailKind.NOT_FOUND),
            (MotionVote(id="motion-aaaaaaaa", yes=True), FailKind.NOT_FOUND),
        ):
            assert (await refused(ada, question)).kind is kind


async def test_who_orders_entries_and_what_that_means_is_told_in_words(tmp_path: Path) -> None:
    async with running(Grown(tmp_path / "ada").home) as ada:
        told = await asked(ada, NetworkWitnesses())
        (one,) = told["witnesses"]
        assert (one["member"]["name"], one["since_height"], one["evidence"]) == ("Ada", 0, 0)
        assert told["withstands"].startswith("1 witness: nothing becomes final while it is down")
        assert (await asked(ada, LedgerEvidence()))["evidence"] == []
