"""A voting key and its journal live and end together, whenever the power goes, and a key never sits twice."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import dpnode.seat
from dpnode.identity.identity import Identity
from dpnode.identity.voting_key import SEED, ensure_pair, make_next, voting_key_in
from dpnode.paths import Home
from dpnode.seat import SEAT_FRESH_MS, Seat
from dpnode.store.journal import NAME, open_journal
from dpnode.voting import halt_record
from ledger.keys import MemberId, SigningKey
from ledger.operations.seats import PURPOSE, rekey_consent
from ledger.statement import sign_statement
from protocol.inputs import Now
from tests.dpnode.answers.grown import Grown

MARK = halt_record("this journal is the first key's")
STEPS_MAX = 200
"""More file operations than any change of keys makes."""
CUT = 9
STRANGER = MemberId(b"s" * 32)


def founded(folder: Path) -> Grown:
    """The only witness of a network, whose journal can be recognised."""
    grown = Grown(folder)
    with open_journal(grown.home.votes, create=False) as (journal, _):
        journal.append([MARK])
    return grown


def rekeyed(grown: Grown, key: SigningKey) -> None:
    """The ledger lets a fresh key follow."""
    old = grown.chain.voting_keys[0]
    consent = sign_statement(PURPOSE, rekey_consent(grown.chain.network, grown.ada.id, old), key)
    grown.record(grown.ada, {"consent": consent.to_value(), "t": "seat.rekey/1"})
    assert grown.chain.voting_keys == [key.public]


def cut_after(steps: int, work: Callable[[], Any]) -> bool:
    """Do something in a process that is gone before its file operation number `steps`; whether it came that far."""
    child = os.fork()
    if child == 0:
        left = steps

        def count(event: str, _: Any) -> None:
            nonlocal left
            if event in ("open", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.truncate"):
                left -= 1
                if left < 0:
                    os._exit(CUT)

        sys.addaudithook(count)
        work()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) in (0, CUT)
    return os.waitstatus_to_exitcode(status) == CUT


def seeds_in(home: Home) -> set[bytes]:
    """Everything in a home that has the length of a seed."""
    return {path.read_bytes() for path in home.root.glob("votes*/*") if path.name.startswith(SEED)}


def copied(home: Home, target: Path) -> Home:
    shutil.copytree(home.root, target, ignore=shutil.ignore_patterns("*.db*"))
    return Home(root=target)


def test_a_cut_while_a_fresh_key_is_made_leaves_the_old_one_with_its_journal(tmp_path: Path) -> None:
    """G-6."""
    grown = founded(tmp_path / "a")
    old = grown.chain.voting_keys[0]
    for steps in range(STEPS_MAX):
        home = copied(grown.home, tmp_path / f"h{steps}")
        was_cut = cut_after(steps, lambda home=home: make_next(home))
        seat = Seat(home, grown.ada.id)
        assert seat.open(grown.chain) == [MARK]
        assert seat.key is not None and seat.key.public == old
        fresh = seat.fresh_key(grown.chain)
        assert fresh.public != old and voting_key_in(home.votes_next).public == fresh.public  # type: ignore[union-attr]
        assert (home.votes_next / NAME).exists()
        seat.close()
        shutil.rmtree(home.root)
        if not was_cut:
            assert steps > 10
            return
    raise AssertionError("it never ends")


def test_a_cut_while_the_fresh_key_takes_over_leaves_it_with_its_own_journal_and_nothing_of_the_old(
    tmp_path: Path,
) -> None:
    """G-3, G-6: never a key without its journal, never the old one again."""
    grown = founded(tmp_path / "a")
    seat = Seat(grown.home, grown.ada.id)
    seat.open(grown.chain)
    fresh = seat.fresh_key(grown.chain)
    seat.close()
    (retired,) = {(grown.home.votes / SEED).read_bytes()}
    rekeyed(grown, fresh)
    for steps in range(STEPS_MAX):
        home = copied(grown.home, tmp_path / f"h{steps}")
        was_cut = cut_after(steps, lambda home=home: Seat(home, grown.ada.id).open(grown.chain))
        seat = Seat(home, grown.ada.id)
        assert seat.open(grown.chain) == []
        assert seat.key is not None and seat.key.public == fresh.public
        assert not seat.must_change(grown.chain) and not home.votes_next.exists()
        assert retired not in seeds_in(home)
        seat.close()
        shutil.rmtree(home.root)
        if not was_cut:
            assert steps > 5
            return
    raise AssertionError("it never ends")


def test_a_running_node_takes_the_fresh_key_into_use_once_it_sits(tmp_path: Path) -> None:
    """G-6."""
    grown = founded(tmp_path / "a")
    seat = Seat(grown.home, grown.ada.id)
    seat.open(grown.chain)
    fresh = seat.fresh_key(grown.chain)
    assert seat.fresh_key(grown.chain).public == fresh.public, "asked twice, made once"
    assert not seat.must_change(grown.chain)
    rekeyed(grown, fresh)
    assert seat.must_change(grown.chain)
    assert seat.open(grown.chain) == [] and seat.key is not None and seat.key.public == fresh.public
    assert not seat.must_change(grown.chain)
    seat.close()


@pytest.mark.parametrize("damage", ["journal gone", "journal damaged", "seed gone", "seed cut", "folder gone"])
def test_a_key_that_sits_signs_nothing_without_its_journal(tmp_path: Path, damage: str) -> None:
    """V-9, V-21: rule 13, no journal, no key."""
    grown = founded(tmp_path / "a")
    damaged(grown.home, damage)
    seat = Seat(grown.home, grown.ada.id)
    records = seat.open(grown.chain)
    assert records is None or seat.key is None
    fresh = seat.fresh_key(grown.chain)
    assert fresh.public != grown.chain.voting_keys[0]
    rekeyed(grown, fresh)
    assert seat.must_change(grown.chain)
    assert seat.open(grown.chain) == [] and seat.key is not None and seat.key.public == fresh.public
    seat.close()


@pytest.mark.parametrize("damage", ["journal gone", "journal damaged", "seed gone", "seed cut", "folder gone", ""])
def test_who_has_no_seat_gets_a_fresh_pair_for_one_that_is_not_whole(tmp_path: Path, damage: str) -> None:
    """G-4: a member can take a seat at any time."""
    grown = founded(tmp_path / "a")
    other = founded(tmp_path / "b")
    before = other.identity.voting
    assert before is not None
    damaged(other.home, damage)
    seat = Seat(other.home, STRANGER)
    records = seat.open(grown.chain)
    assert seat.key is not None and (seat.key.public == before.public) is (damage == "")
    assert records == ([MARK] if damage == "" else [])
    assert not seat.must_change(grown.chain)
    seat.close()


def test_a_key_whose_seat_has_ended_is_destroyed_and_a_fresh_one_made(tmp_path: Path) -> None:
    """G-3."""
    grown = founded(tmp_path / "a")
    retired = (grown.home.votes / SEED).read_bytes()
    rekeyed(grown, SigningKey(b"n" * 32))
    seat = Seat(grown.home, STRANGER)
    assert seat.open(grown.chain) == []
    assert seat.key is not None and seat.key.public != SigningKey(retired).public
    assert retired not in seeds_in(grown.home)
    seat.close()


def test_a_home_without_a_network_gets_a_whole_pair_before_it_founds_one(tmp_path: Path) -> None:
    grown = founded(tmp_path / "a")
    (grown.home.votes / NAME).unlink()
    before = Identity.load(grown.home).voting
    ensure_pair(grown.home)
    after = Identity.load(grown.home).voting
    assert before is not None and after is not None and before.public != after.public
    ensure_pair(grown.home)
    assert Identity.load(grown.home).voting.public == after.public  # type: ignore[union-attr]


def damaged(home: Home, what: str) -> None:
    journal, seed = home.votes / NAME, home.votes / SEED
    match what:
        case "journal gone":
            journal.unlink()
        case "journal damaged":
            data = bytearray(journal.read_bytes())
            data[len(data) // 2] ^= 1
            journal.write_bytes(data)
        case "seed gone":
            seed.unlink()
        case "seed cut":
            seed.write_bytes(seed.read_bytes()[:20])
        case "folder gone":
            shutil.rmtree(home.votes)
            home.votes.mkdir(mode=0o700)


def waiting_for_a_seat(grown: Grown) -> SigningKey:
    """A fresh key is made and asked to follow; the node is stopped before that is final."""
    seat = Seat(grown.home, grown.ada.id)
    seat.open(grown.chain)
    fresh = seat.fresh_key(grown.chain)
    seat.close()
    return fresh


@pytest.mark.parametrize("is_final", [True, False])
def test_a_copy_made_without_the_votes_does_not_vote_with_the_key_that_waited(tmp_path: Path, is_final: bool) -> None:
    """V-10: the home that was lost took that key into use, with a journal that is nowhere now."""
    grown = founded(tmp_path / "a")
    fresh = waiting_for_a_seat(grown)
    copy = copied(grown.home, tmp_path / "copy")
    shutil.rmtree(copy.votes)
    copy.make_folders()
    if is_final:
        rekeyed(grown, fresh)
    seat = Seat(copy, grown.ada.id)
    assert seat.open(grown.chain) is None and seat.key is None
    if not is_final:
        rekeyed(grown, fresh)
        assert not seat.must_change(grown.chain)
    assert not copy.votes_next.exists()
    assert seat.fresh_key(grown.chain).public not in (fresh.public, grown.chain.voting_keys[0]), "a rekey helps"
    seat.close()


def test_a_key_that_has_sat_for_long_is_not_taken_into_use_with_an_empty_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """V-10: a whole copy of a home from before the change of keys catches up with it."""
    for age_ms in (SEAT_FRESH_MS // 2, 2 * SEAT_FRESH_MS):
        grown = founded(tmp_path / f"{age_ms}")
        fresh = waiting_for_a_seat(grown)
        seat = Seat(grown.home, grown.ada.id)
        seat.open(grown.chain)
        rekeyed(grown, fresh)
        moment = Now(wall_ms=grown.chain.head.time_ms + age_ms, monotonic_ms=1)
        monkeypatch.setattr(dpnode.seat, "now", lambda moment=moment: moment)
        assert seat.must_change(grown.chain)
        seat.open(grown.chain)
        assert seat.key is not None and (seat.key.public == fresh.public) is (age_ms < SEAT_FRESH_MS)
        assert not seat.must_change(grown.chain) and not grown.home.votes_next.exists()
        seat.close()
