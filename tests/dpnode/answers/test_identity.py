"""What an owner asks about keys and machines and has the root sign; each refusal with its reason.

SPEC M-7, M-9, M-10, M-11.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from dpnode import offline
from dpnode.answers.node import reminders
from dpnode.control.answers import Done
from dpnode.control.questions.base import Question
from dpnode.control.questions.identity import (
    IdBind,
    IdCertify,
    IdKeys,
    IdReturn,
    IdRevoke,
    IdRotate,
    IdTicket,
    IdUnbind,
)
from dpnode.errors import FailKind, Problem
from dpnode.identity.identity import Identity, own_entropy
from dpnode.identity.roots import ROOTS_MAX, roots_in_force
from dpnode.identity.words import root_key, words_of
from dpnode.node import Node
from dpnode.reading.naming import show_peer
from ledger.entry import sign_entry
from ledger.fold import last_sequence
from ledger.keys import SigningKey
from ledger.names import Kind, show_id
from ledger.operations.membership import peer_id_of
from protocol.returning import Card, make_card, write_card
from tests.dpnode.answers.grown import ENTROPY, Grown, new_home
from tests.dpnode.answers.nodes import asked, refused, running

SEEDS = roots_in_force(ENTROPY, root_key(ENTROPY, 0).public)


def second(grown: Grown, folder: Path, entropy: bytes = ENTROPY, network: bytes = b"") -> Card:
    """The card of another home of these words."""
    identity = Identity.load(new_home(folder, entropy=entropy))
    return make_card(
        network=network or grown.chain.network,
        member=identity.member,
        working=identity.working,
        network_key=SigningKey(identity.network_seed),
        sealing=identity.sealing,
    )


async def keys(node: Node, role: str = "working") -> list[dict[str, object]]:
    return [row for row in (await asked(node, IdKeys()))["keys"] if row["role"] == role]


async def test_another_machine_is_named_bound_unbound_and_its_key_ended(tmp_path: Path) -> None:
    grown = Grown(tmp_path / "ada")
    card = second(grown, tmp_path / "laptop")
    text, key = write_card(card), show_id(Kind.KEY, card.key.key)
    async with running(grown.home) as ada:
        assert (await asked(ada, IdCertify(card=text, root_seed=SEEDS.seed, dry_run=True)))["dry_run"]
        assert len(await keys(ada)) == 1
        assert (await asked(ada, IdCertify(card=text, root_seed=SEEDS.seed)))["key"] == key
        assert [(row["here"], "ended_ms" in row) for row in await keys(ada)] == [(True, False), (False, False)]
        peer = (await asked(ada, IdBind(card=text)))["peer"]
        assert [one["here"] for one in (await asked(ada, IdKeys()))["machines"]] == [True, False]
        ended = await asked(ada, IdRevoke(key=key[:14], machines=(peer[-8:],), root_seed=SEEDS.seed))
        assert (ended["key"], ended["unbound"], ended["binding"]) == (key, [peer], "final")
        assert len((await asked(ada, IdKeys()))["machines"]) == 1
        assert [(row["id"] == key, "ended_ms" in row) for row in await keys(ada)] == [(False, False), (True, True)]
        (root,) = await keys(ada, "root")
        assert root["entries"] == 2, "what it signed counts under its own numbers"
    read = offline.answer(IdKeys(), grown.home)
    assert isinstance(read, Done) and sum(row["here"] for row in read.value["keys"]) == 1


async def test_a_machine_that_stays_bound_after_its_key_ended_is_named(tmp_path: Path) -> None:
    grown = Grown(tmp_path / "ada")
    text = write_card(second(grown, tmp_path / "laptop"))
    async with running(grown.home) as ada:
        key = (await asked(ada, IdCertify(card=text, root_seed=SEEDS.seed)))["key"]
        peer = (await asked(ada, IdBind(card=text)))["peer"]
        ended = await asked(ada, IdRevoke(key=key, root_seed=SEEDS.seed))
        assert (ended["unbound"], ended["left"]) == ([], [peer]), "the ledger joins no key with a machine"
        assert (await asked(ada, IdUnbind(peer=peer)))["binding"] == "final"
        assert (await refused(ada, IdUnbind(peer=peer))).kind is FailKind.NOT_FOUND


async def test_a_rotation_ends_the_root_before_it_and_the_next_signs_from_then_on(tmp_path: Path) -> None:
    grown = Grown(tmp_path / "ada")
    text = write_card(second(grown, tmp_path / "laptop"))
    async with running(grown.home) as ada:
        for number in range(3):
            seeds = roots_in_force(ENTROPY, (await asked(ada, IdKeys()))["root"])
            assert seeds.number == number
            rotation = IdRotate(root_seed=seeds.seed, next_seed=seeds.next_seed, after=seeds.after)
            assert (await asked(ada, rotation))["binding"] == "final"
            problem = await refused(ada, rotation)
            assert problem.kind is FailKind.REFUSED and "another has taken its place" in problem.sentence
        assert "taken its place" in (await refused(ada, IdCertify(card=text, root_seed=SEEDS.seed))).sentence
        seeds = roots_in_force(ENTROPY, (await asked(ada, IdKeys()))["root"])
        assert (await asked(ada, IdCertify(card=text, root_seed=seeds.seed)))["binding"] == "final"
        assert len([row for row in await keys(ada, "root") if "ended_ms" in row]) == 3


async def test_only_the_root_that_was_committed_to_follows(tmp_path: Path) -> None:
    async with running(Grown(tmp_path / "ada").home) as ada:
        other = IdRotate(root_seed=SEEDS.seed, next_seed=bytes(32), after=SEEDS.after)
        assert (await refused(ada, other)).details["reason"] == "member.wrong-next-root"
        short = IdRotate(root_seed=SEEDS.seed, next_seed=SEEDS.next_seed, after=b"short")
        assert (await refused(ada, short)).kind is FailKind.USAGE
        assert (await keys(ada, "root"))[0]["entries"] == 0, "what the ledger would refuse uses no number up"


def refusals(grown: Grown, folder: Path) -> dict[str, tuple[Question, FailKind, str]]:
    own = Identity.load(grown.home)
    seed, card = SEEDS.seed, write_card(second(grown, folder / "good"))
    stranger = write_card(second(grown, folder / "stranger", entropy=bytes(32)))
    elsewhere = write_card(second(grown, folder / "elsewhere", network=b"n" * 32))
    here = show_id(Kind.KEY, own.working.public)
    return {
        "a text that is no card": (IdCertify(card="hello", root_seed=seed), FailKind.USAGE, "begins with"),
        "half a card": (IdBind(card=card[:-20]), FailKind.USAGE, "damaged"),
        "a stranger's card": (IdCertify(card=stranger, root_seed=seed), FailKind.REFUSED, "another member's"),
        "a stranger's machine": (IdBind(card=stranger), FailKind.REFUSED, "another member's"),
        "a card for elsewhere": (IdBind(card=elsewhere), FailKind.REFUSED, "another network"),
        "another root": (IdCertify(card=card, root_seed=bytes(32)), FailKind.REFUSED, "not the root key in force"),
        "the next root before its turn": (
            IdRevoke(key=here, root_seed=SEEDS.next_seed),
            FailKind.REFUSED,
            "this very machine",
        ),
        "a key nobody has": (IdRevoke(key="key-aaaaaaaaaa", root_seed=seed), FailKind.NOT_FOUND, "no working key"),
        "the root for a key": (
            IdRevoke(key=show_id(Kind.KEY, own.root), root_seed=seed),
            FailKind.NOT_FOUND,
            "no working key",
        ),
        "this very machine": (
            IdUnbind(peer=show_peer(peer_id_of(SigningKey(own.network_seed).public))),
            FailKind.REFUSED,
            "this very machine",
        ),
        "a machine of nobody": (IdUnbind(peer="12D3KooWnobody"), FailKind.NOT_FOUND, "no machine"),
        "no address to be found at": (IdTicket(), FailKind.FAILED, "no address"),
        "a second network": (
            IdReturn(ticket="dpnode-ticket-1-", entropy=ENTROPY),
            FailKind.REFUSED,
            "one home, one network",
        ),
    }


async def test_each_refusal_says_what_is_wrong_and_changes_nothing(tmp_path: Path) -> None:
    grown = Grown(tmp_path / "ada")
    async with running(grown.home) as ada:
        for name, (question, kind, said) in refusals(grown, tmp_path).items():
            problem = await refused(ada, question)
            assert (problem.kind, said in problem.sentence) == (kind, True), (name, problem.sentence)
        assert ada.core.chain.head.height == 0


async def test_a_machine_whose_key_was_ended_says_so_in_its_status(tmp_path: Path) -> None:
    grown = Grown(tmp_path / "ada")
    async with running(grown.home) as ada:
        assert not any("was ended" in line for line in reminders(ada))
        chain, root = ada.core.chain, SigningKey(SEEDS.seed)
        number = last_sequence(chain.state, root.public) + 1
        operation = {"key": ada.identity.working.public, "t": "membership.revoke/1"}
        await ada.carry([sign_entry(root, chain.network, number, ada.until_ms(), operation)], wait_ms=10_000)
        assert any("was ended" in line for line in reminders(ada))


def test_words_give_every_root_and_no_other_is_taken_for_one(tmp_path: Path) -> None:
    for number in (0, 1, 7):
        found = roots_in_force(ENTROPY, root_key(ENTROPY, number).public)
        assert found.number == number and SigningKey(found.next_seed).public == root_key(ENTROPY, number + 1).public
        assert SEEDS.seed.hex() not in repr(found)
    for alien in (root_key(bytes(32), 0).public, root_key(ENTROPY, ROOTS_MAX).public):
        with pytest.raises(Problem, match="does not come from these words"):
            roots_in_force(ENTROPY, alien)
    home = new_home(tmp_path / "ada")
    assert own_entropy(home, words=" ".join(words_of(ENTROPY))) == ENTROPY
    with pytest.raises(Problem, match="another member's"):
        own_entropy(home, words=" ".join(words_of(bytes(32))))
