"""An offer of shares is heard only from its giver, kept before it is told, and nothing hostile moves a unit.

SPEC P-60, P-61, P-62, P-63, P-64, P-65, P-66.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from ledger.canonical import Value
from ledger.chain import Chain
from ledger.charter import Limits, write_charter
from ledger.entry import sign_entry
from ledger.keys import MemberId, SigningKey, member_id, next_root_hash
from ledger.operations import accounts
from ledger.statement import sign_statement
from protocol.effects import Effect, Final, Keep, KeepPending, Misbehaved, Negotiated, NotRecorded, Recorded, Send
from protocol.inputs import Now, PeerId
from protocol.messages import Message, ShareAccepted, ShareOffer, read_message, write_message
from protocol.share_offers import (
    ACCEPT_PURPOSE,
    GIVEN_MAX,
    KEPT_GIVEN,
    KEPT_TAKEN,
    OFFER_LIFE_MAX_MS,
    OFFER_LIFE_MS,
    PURPOSE,
    TAKEN_PER_MEMBER_MAX,
    AcceptShares,
    OfferShares,
    ShareOffers,
    SharesArrived,
    SharesDeclined,
    SharesEnded,
    SharesKept,
)

NOW = Now(wall_ms=1_800_000_000_000, monotonic_ms=0)
UNITS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Somebody:
    """A founder."""

    name: str
    working: SigningKey
    id: MemberId
    peer: PeerId


class Town:
    """Two founders with an asset of Ada's, each with offers of their own; a third who only sends."""

    def __init__(self) -> None:
        self.people = [self._founder(number, name) for number, name in enumerate(("ada", "bob", "mal"), 1)]
        self.ada, self.bob, self.mal = self.people
        voting = SigningKey(bytes([99]) * 32)
        founders: list[Value] = [
            {
                "name": one.name,
                "next": next_root_hash(SigningKey(bytes([number, 2]) * 16).public),
                "peer": one.peer,
                "root": SigningKey(bytes([number, 1]) * 16).public,
                "sealing": bytes(32),
                "working": one.working.public,
            }
            for number, one in enumerate(self.people, 1)
        ]
        charter = write_charter(
            {
                "created": NOW.wall_ms - 1_000,
                "founders": founders,
                "limits": Limits().to_value(),
                "name": "town",
                "purpose": "to try",
                "version": 1,
                "witnesses": [{"key": voting.public, "member": self.ada.id}],
            }
        )
        self.chain = Chain.founded(charter)[0]
        self.sequence: dict[bytes, int] = {}
        self.asset = self.enter(self.ada, {"t": "assets.register/1", "kind": "saw", "name": "saw", "units": UNITS})
        self.of_ada = ShareOffers(self.chain, self.ada.id, self.ada.working)
        self.of_bob = ShareOffers(self.chain, self.bob.id, self.bob.working)

    def _founder(self, number: int, name: str) -> Somebody:
        root = SigningKey(bytes([number, 1]) * 16).public
        member = member_id(root, next_root_hash(SigningKey(bytes([number, 2]) * 16).public))
        working = SigningKey(bytes([number, 3]) * 16)
        return Somebody(name=name, working=working, id=member, peer=PeerId(name.encode() * 10))

    def enter(self, who: Somebody, operation: dict[str, Value], wait_ms: int = 1) -> bytes:
        """One entry in a block; returns its id."""
        number = self.sequence[who.id] = self.sequence.get(who.id, 0) + 1
        time_ms = self.chain.head.time_ms + wait_ms
        entry = sign_entry(who.working, self.chain.network, number, time_ms + 1_000, operation)
        step = self.chain.build([entry], time_ms, self.chain.head.view + 1)
        assert step is not None and not step.left
        self.chain.take(step)
        self.blocks = step.blocks
        self.outcome = step.blocks[0].outcomes[0]
        return entry.id

    def units(self, who: Somebody) -> int:
        return accounts.free(self.chain.state, who.id, "units", self.asset)

    def offer(self, units: int = 10, nonce: int = 1) -> list[Effect]:
        """Ada's owner offers to Bob."""
        order = OfferShares(asset=self.asset, to=self.bob.id, units=units, note="hi", nonce=bytes([nonce]) * 16)
        return self.of_ada.order(order, NOW, 1)

    def content(self, **changes: Any) -> dict[str, Value]:
        """What Ada would sign as an offer."""
        return {
            "asset": self.asset,
            "from": self.ada.id,
            "network": self.chain.network,
            "nonce": bytes(16),
            "to": self.bob.id,
            "units": 10,
            "until": NOW.wall_ms + 1_000,
            **changes,
        }


@pytest.fixture
def town() -> Town:
    return Town()


def sent(effects: list[Effect]) -> list[Message]:
    """What was sent, as it comes off the wire."""
    return [read_message(write_message(effect.message)) for effect in effects if isinstance(effect, Send)]


def told(effects: list[Effect]) -> list[Any]:
    return [effect.effect for effect in effects if isinstance(effect, Negotiated)]


def kept(effects: list[Effect]) -> list[tuple[str, bytes, bytes]]:
    return [(one.kind, one.id, one.value) for one in effects if isinstance(one, Keep) and one.value is not None]


def as_accepted(town: Town, **changes: Any) -> ShareAccepted:
    """Bob's acceptance of Ada's only offer, changed."""
    (offer,) = town.of_ada.given.values()
    content = {name: one for name, one in offer.statement.content.items() if name != "note"}
    statement = sign_statement(ACCEPT_PURPOSE, {**content, **changes}, town.bob.working)
    return ShareAccepted(accept=statement.to_value())


def test_an_offer_is_kept_before_it_is_told_and_told_at_every_connection(town: Town) -> None:
    town.of_ada.connected(town.bob.id, town.bob.peer)
    effects = town.offer()
    assert [type(effect) for effect in effects] == [Keep, Send, Negotiated]
    assert isinstance(told(effects)[0], SharesKept)
    town.of_ada.lost(town.bob.peer)
    assert not town.of_ada.is_there(town.bob.id)
    again = town.of_ada.connected(town.bob.id, town.bob.peer)
    assert sent(again) == sent(effects) and town.of_ada.is_there(town.bob.id)
    assert town.of_ada.connected(town.mal.id, town.mal.peer) == []


def test_units_move_by_offer_acceptance_and_one_entry(town: Town) -> None:
    town.of_ada.connected(town.bob.id, town.bob.peer)
    town.of_bob.connected(town.ada.id, town.ada.peer)
    (offer,) = sent(town.offer())
    assert isinstance(offer, ShareOffer)
    effects = town.of_bob.heard_offer(town.ada.id, town.ada.peer, offer, NOW)
    assert [type(effect) for effect in effects] == [Keep, Negotiated] and isinstance(told(effects)[0], SharesArrived)
    assert town.of_bob.heard_offer(town.ada.id, town.ada.peer, offer, NOW) == []
    (offer_id,) = town.of_bob.taken
    effects = town.of_bob.order(AcceptShares(offer=offer_id), NOW, 2)
    assert [type(effect) for effect in effects] == [Keep, Send, Negotiated]
    assert sent(town.of_bob.order(AcceptShares(offer=offer_id), NOW, 3)) == sent(effects)
    (accepted,) = sent(effects)
    assert isinstance(accepted, ShareAccepted)
    assert kept(town.of_ada.heard_accepted(town.bob.id, town.bob.peer, accepted))
    assert town.of_ada.heard_accepted(town.bob.id, town.bob.peer, accepted) == []
    wanted = town.of_ada.next_submission(NOW)
    assert wanted is not None and town.of_ada.next_submission(NOW) is None
    entry = town.enter(town.ada, wanted.operations[0])
    assert town.outcome == "" and (town.units(town.ada), town.units(town.bob)) == (90, 10)
    assert kept(town.of_ada.submitted([KeepPending(entries=()), Recorded(token=-2, entry_ids=(entry,))]))
    done = town.of_ada.final(Final(entry_id=entry, outcome="", height=2))
    assert told(done) == [SharesEnded(offer=offer_id, outcome="", entry=entry, height=2)]
    assert town.of_ada.final(Final(entry_id=entry, outcome="", height=2)) == []
    (ended,) = told(town.of_bob.ledger_moved(town.blocks))
    assert (ended.entry, ended.outcome) == (entry, "") and not town.of_bob.taken
    assert town.of_bob.heard_offer(town.ada.id, town.ada.peer, offer, NOW) == []


def test_whatever_was_kept_is_taken_up_again(town: Town) -> None:
    documents = kept(town.offer())
    again = ShareOffers(town.chain, town.ada.id, town.ada.working, documents)
    assert again.given == town.of_ada.given
    accepted = kept(again.heard_accepted(town.bob.id, town.bob.peer, as_accepted(town)))
    third = ShareOffers(town.chain, town.ada.id, town.ada.working, accepted)
    third.started(lambda entry: False)
    wanted = third.next_submission(NOW)
    assert wanted is not None
    pending = kept(third.submitted([Recorded(token=-2, entry_ids=(b"e" * 32,))]))
    waiting = ShareOffers(town.chain, town.ada.id, town.ada.working, pending)
    waiting.started(lambda entry: entry == b"e" * 32)
    assert waiting.next_submission(NOW) is None


def test_a_transfer_forgotten_in_a_power_cut_is_entered_again_and_does_no_harm(town: Town) -> None:
    town.offer()
    town.of_ada.heard_accepted(town.bob.id, town.bob.peer, as_accepted(town))
    wanted = town.of_ada.next_submission(NOW)
    assert wanted is not None
    town.enter(town.ada, wanted.operations[0])
    town.of_ada.started(lambda entry: False)
    again = town.of_ada.next_submission(NOW)
    assert again is not None
    town.enter(town.ada, again.operations[0])
    assert (town.outcome, town.units(town.bob)) == ("share.acceptance-used", 10)
    effects = town.of_ada.submitted([NotRecorded(token=-2, code="share.acceptance-used", detail="")])
    assert [one.outcome for one in told(effects)] == [""] and not town.of_ada.given


def test_an_acceptance_used_before_a_stop_is_forgotten_at_the_start(town: Town) -> None:
    statement = sign_statement(PURPOSE, town.content(), town.ada.working)
    town.of_bob.heard_offer(town.ada.id, town.ada.peer, ShareOffer(offer=statement.to_value()), NOW)
    documents = kept(town.of_bob.order(AcceptShares(offer=statement.id), NOW, 1))
    accept = town.of_bob.taken[statement.id].accept
    assert accept is not None
    transfer: dict[str, Value] = {
        "t": "shares.transfer/1",
        "accept": accept.to_value(),
        "asset": town.asset,
        "to": town.bob.id,
        "units": 10,
    }
    town.enter(town.ada, transfer)
    again = ShareOffers(town.chain, town.bob.id, town.bob.working, documents)
    assert [one.outcome for one in told(again.started(lambda entry: False))] == [""] and not again.taken


def test_a_transfer_the_ledger_would_refuse_ends_the_offer_with_its_reason(town: Town) -> None:
    town.offer()
    town.of_ada.heard_accepted(town.bob.id, town.bob.peer, as_accepted(town))
    assert town.of_ada.next_submission(NOW) is not None
    effects = town.of_ada.submitted([NotRecorded(token=-2, code="account.too-little", detail="")])
    assert [one.outcome for one in told(effects)] == ["account.too-little"]


def test_an_offer_lapses_on_both_sides_by_block_time(town: Town) -> None:
    town.offer()
    (offer,) = town.of_ada.given.values()
    statement = offer.statement
    town.of_bob.heard_offer(town.ada.id, town.ada.peer, ShareOffer(offer=statement.to_value()), NOW)
    profile: dict[str, Value] = {"t": "membership.profile/1", "about": "a while later"}
    town.enter(town.ada, profile, wait_ms=OFFER_LIFE_MS + 10_000)
    for offers in (town.of_ada, town.of_bob):
        assert [one.outcome for one in told(offers.ledger_moved(town.blocks))] == ["share.offer-lapsed"]
    (declined,) = told(town.of_bob.order(AcceptShares(offer=statement.id), NOW, 1))
    assert isinstance(declined, SharesDeclined)


HOSTILE: tuple[tuple[str, dict[str, Any], bool], ...] = (
    ("another network", {"network": b"x" * 32}, True),
    ("in another's name", {"from": b"x" * 32}, True),
    ("to somebody else", {"to": b"x" * 32}, True),
    ("of no units", {"units": 0}, True),
    ("with an unknown key", {"more": 1}, True),
    ("with a note that hides", {"note": "a\u202eb"}, True),
    ("that is over", {"until": NOW.wall_ms - 1}, False),
    ("that stands for years", {"until": NOW.wall_ms + OFFER_LIFE_MAX_MS + 1}, False),
)


@pytest.mark.parametrize(("changes", "is_fault"), [row[1:] for row in HOSTILE], ids=[row[0] for row in HOSTILE])
def test_an_offer_is_not_kept_that_is(town: Town, changes: dict[str, Any], is_fault: bool) -> None:
    statement = sign_statement(PURPOSE, town.content(**changes), town.ada.working)
    effects = town.of_bob.heard_offer(town.ada.id, town.ada.peer, ShareOffer(offer=statement.to_value()), NOW)
    assert not town.of_bob.taken
    assert [type(effect) for effect in effects] == [Misbehaved] * is_fault


def test_an_offer_under_another_key_or_a_wrong_signature_is_not_kept(town: Town) -> None:
    other = sign_statement(PURPOSE, town.content(), town.mal.working)
    assert town.of_bob.heard_offer(town.ada.id, town.ada.peer, ShareOffer(offer=other.to_value()), NOW) == []
    good = sign_statement(PURPOSE, town.content(), town.ada.working).to_value()
    (effect,) = town.of_bob.heard_offer(town.ada.id, town.ada.peer, ShareOffer(offer={**good, "sig": bytes(64)}), NOW)
    assert isinstance(effect, Misbehaved) and not town.of_bob.taken


def test_an_offer_brought_by_a_third_member_is_not_kept(town: Town) -> None:
    statement = sign_statement(PURPOSE, town.content(), town.ada.working)
    (effect,) = town.of_bob.heard_offer(town.mal.id, town.mal.peer, ShareOffer(offer=statement.to_value()), NOW)
    assert isinstance(effect, Misbehaved) and not town.of_bob.taken


def test_a_member_who_floods_with_offers_takes_no_more_room_than_its_own(town: Town) -> None:
    for number in range(2 * TAKEN_PER_MEMBER_MAX):
        statement = sign_statement(PURPOSE, town.content(nonce=number.to_bytes(16, "big")), town.ada.working)
        town.of_bob.heard_offer(town.ada.id, town.ada.peer, ShareOffer(offer=statement.to_value()), NOW)
    assert len(town.of_bob.taken) == TAKEN_PER_MEMBER_MAX
    theirs = sign_statement(PURPOSE, town.content(**{"from": town.mal.id}), town.mal.working)
    town.of_bob.heard_offer(town.mal.id, town.mal.peer, ShareOffer(offer=theirs.to_value()), NOW)
    assert theirs.id in town.of_bob.taken


def test_an_owner_cannot_offer_without_end(town: Town) -> None:
    for number in range(GIVEN_MAX):
        order = OfferShares(asset=town.asset, to=town.bob.id, units=1, note="", nonce=number.to_bytes(16, "big"))
        town.of_ada.order(order, NOW, 1)
    (declined,) = told(town.offer())
    assert isinstance(declined, SharesDeclined) and declined.reason == "share.too-many-offers"


@pytest.mark.parametrize(
    "changes",
    [{"units": 99}, {"until": NOW.wall_ms}, {"asset": b"x" * 32}, {"network": b"x" * 32}, {"from": b"x" * 32}],
)
def test_an_acceptance_of_anything_else_than_was_offered_is_the_peers_fault(
    town: Town, changes: dict[str, Any]
) -> None:
    town.offer()
    (effect,) = town.of_ada.heard_accepted(town.bob.id, town.bob.peer, as_accepted(town, **changes))
    assert isinstance(effect, Misbehaved) and town.of_ada.next_submission(NOW) is None


def test_an_acceptance_that_is_unknown_forged_or_somebody_elses_enters_nothing(town: Town) -> None:
    town.offer()
    unknown = as_accepted(town, nonce=b"n" * 16)
    assert town.of_ada.heard_accepted(town.bob.id, town.bob.peer, unknown) == []
    good = as_accepted(town)
    for statement, who in (
        ({**good.accept, "sig": bytes(64)}, town.bob),
        ({**good.accept, "key": town.mal.working.public}, town.bob),
        (good.accept, town.mal),
    ):
        town.of_ada.heard_accepted(who.id, who.peer, ShareAccepted(accept=statement))
        assert town.of_ada.next_submission(NOW) is None


def test_a_statement_made_for_another_purpose_is_no_acceptance(town: Town) -> None:
    town.offer()
    (offer,) = town.of_ada.given.values()
    content = {name: one for name, one in offer.statement.content.items() if name != "note"}
    other = sign_statement(PURPOSE, content, town.bob.working)
    town.of_ada.heard_accepted(town.bob.id, town.bob.peer, ShareAccepted(accept=other.to_value()))
    assert town.of_ada.next_submission(NOW) is None


def test_documents_of_both_kinds_are_told_apart_at_the_start(town: Town) -> None:
    town.offer()
    (given,) = town.of_ada.given.values()
    value = kept(town.offer(nonce=2))[0][2]
    both = ShareOffers(town.chain, town.ada.id, town.ada.working, [(KEPT_TAKEN, given.id, value)])
    assert not both.given and len(both.taken) == 1
    assert ShareOffers(town.chain, town.ada.id, town.ada.working, [(KEPT_GIVEN, given.id, value)]).given
