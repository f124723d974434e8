"""Units of an asset offered from one member to another, until they are accepted or lapse (SPEC P-60 to P-66).

Nobody becomes an owner unasked, so a transfer needs the receiver's signature first. The giver's machine keeps the
offer and tells it whenever the receiver is there; the receiver's machine keeps it until its owner accepts, keeps the
acceptance and tells that until the ledger shows it used; the giver's machine then enters the transfer by itself. Every
document is durable before it is told, so a power cut on either side loses nothing. Using an acceptance twice is
refused by the ledger, so entering a transfer once too often does no harm.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ledger.block import Block
from ledger.canonical import Value, decode, encode
from ledger.chain import Chain
from ledger.form import ID, INTEGER_FORM, MOMENT_MS, Bytes, Map, Text, has_form
from ledger.keys import MemberId, SigningKey
from ledger.operations.members import working_key_of
from ledger.operations.shares import ACCEPTANCE, ShareReason, is_used, units_statement
from ledger.statement import Statement, read_statement, sign_statement
from protocol.effects import Effect, Final, Keep, Misbehaved, Negotiated, NotRecorded, Recorded, Send
from protocol.inputs import Now, PeerId, Submit
from protocol.messages import ShareAccepted, ShareOffer

PURPOSE = "offer-units"
ACCEPT_PURPOSE = "accept-units"
KEPT_GIVEN = "share-given"
KEPT_TAKEN = "share-taken"
TOKEN = -2
"""Submissions made here; nobody waits for them at the control socket."""
OFFER_LIFE_MS = 14 * 86_400_000
"""How long an offer stands: a fortnight's holiday does not lapse it."""
OFFER_LIFE_MAX_MS = 90 * 86_400_000
"""An acceptance stands on the ledger for as long, so a giver does not choose it freely."""
GIVEN_MAX = 256
"""Offers of ours at once."""
TAKEN_MAX = 256
TAKEN_PER_MEMBER_MAX = 16
"""Offers to us that are kept: a member with more to give waits for an answer."""
ENDED_MAX = 64
"""Ended offers remembered for whoever is waiting for them."""
_ENTRY_LIFE_MS = 7 * 86_400_000

OFFER = Map(
    {
        "asset": ID,
        "from": ID,
        "network": ID,
        "nonce": Bytes(16),
        "to": ID,
        "units": INTEGER_FORM,
        "until": MOMENT_MS,
    },
    {"note": Text(140)},
)
"""What a giver signs; the acceptance repeats all of it but the note, so the nonce joins the two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferShares:
    """The owner offers units to a member."""

    asset: bytes
    to: MemberId
    units: int
    note: str
    nonce: bytes
    """16 fresh bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptShares:
    """The owner accepts an offer."""

    offer: bytes


Order = OfferShares | AcceptShares


@dataclass(frozen=True, slots=True, kw_only=True)
class SharesKept:
    """An order was carried out as far as this machine can: the offer, or its acceptance, is kept and told."""

    offer: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class SharesDeclined:
    """An order cannot be carried out; nothing was kept."""

    reason: str
    """A stable code."""
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SharesArrived:
    """Units are offered to us: a person is to decide."""

    offer: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class SharesEnded:
    """An offer of ours or to us has ended."""

    offer: bytes
    outcome: str
    """Empty where the units moved, else why not."""
    entry: bytes
    """The transfer's entry; empty where there is none."""
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferSeen:
    """An offer on either side."""

    statement: Statement
    asset: bytes
    giver: MemberId
    receiver: MemberId
    units: int
    until_ms: int
    nonce: bytes
    note: str
    accept: Statement | None = None
    entry: bytes | None = None
    """The giver's: the transfer it entered."""

    @property
    def id(self) -> bytes:
        """32 bytes."""
        return self.statement.id


class ShareOffers:
    """Offers of one member's machine, given and taken."""

    def __init__(
        self, chain: Chain, member: MemberId, signer: SigningKey, kept: Iterable[tuple[str, bytes, bytes]] = ()
    ) -> None:
        self.given: dict[bytes, OfferSeen] = {}
        self.taken: dict[bytes, OfferSeen] = {}
        self.ended: dict[bytes, SharesEnded] = {}
        """The last few that ended, oldest first."""
        self._chain = chain
        self._me = member
        self._signer = signer
        self._machines: dict[MemberId, dict[PeerId, None]] = {}
        self._wanted: deque[bytes] = deque()
        self._signing: bytes | None = None
        for kind, _, value in kept:
            offer = _restored(value)
            (self.given if kind == KEPT_GIVEN else self.taken)[offer.id] = offer

    # -- the owner

    def order(self, order: Order, now: Now, token: int) -> list[Effect]:
        """Carry out what the owner wants; the answer is among the effects, under the order's token."""
        match order:
            case OfferShares():
                return self._offer(order, now, token)
            case AcceptShares():
                return self._accept(order, now, token)

    def _offer(self, order: OfferShares, now: Now, token: int) -> list[Effect]:
        if len(self.given) >= GIVEN_MAX:
            return _declined("share.too-many-offers", f"{GIVEN_MAX} offers of yours are open already", token)
        content: dict[str, Value] = {
            "asset": order.asset,
            "from": self._me,
            "network": self._chain.network,
            "nonce": order.nonce,
            "to": order.to,
            "units": order.units,
            "until": max(now.wall_ms, self._chain.head.time_ms) + OFFER_LIFE_MS,
        }
        if order.note:
            content["note"] = order.note
        offer = _seen(sign_statement(PURPOSE, content, self._signer))
        self.given[offer.id] = offer
        told = self._tell(offer.receiver, ShareOffer(offer=offer.statement.to_value()))
        return [_keep(KEPT_GIVEN, offer), *told, _answer(SharesKept(offer=offer.id), token)]

    def _accept(self, order: AcceptShares, now: Now, token: int) -> list[Effect]:
        offer = self.taken.get(order.offer)
        if offer is None or offer.until_ms < max(now.wall_ms, self._chain.head.time_ms):
            return _declined("share.no-offer", "this offer is not there any more", token)
        if offer.accept is None:
            content = {name: one for name, one in offer.statement.content.items() if name != "note"}
            offer = replace(offer, accept=sign_statement(ACCEPT_PURPOSE, content, self._signer))
            self.taken[offer.id] = offer
        assert offer.accept is not None
        told = self._tell(offer.giver, ShareAccepted(accept=offer.accept.to_value()))
        return [_keep(KEPT_TAKEN, offer), *told, _answer(SharesKept(offer=offer.id), token)]

    # -- peers

    def connected(self, member: MemberId, peer: PeerId) -> list[Effect]:
        """A member's machine is there: tell it every offer and acceptance that is not answered (P-65)."""
        self._machines.setdefault(member, {})[peer] = None
        offers = [
            Send(peer=peer, message=ShareOffer(offer=offer.statement.to_value()))
            for offer in self.given.values()
            if offer.receiver == member and offer.accept is None
        ]
        acceptances = [
            Send(peer=peer, message=ShareAccepted(accept=offer.accept.to_value()))
            for offer in self.taken.values()
            if offer.giver == member and offer.accept is not None
        ]
        return [*offers, *acceptances]

    def lost(self, peer: PeerId) -> None:
        """A machine is gone."""
        for machines in self._machines.values():
            machines.pop(peer, None)

    def is_there(self, member: MemberId) -> bool:
        """Whether a machine of a member is connected."""
        return bool(self._machines.get(member))

    def heard_offer(self, member: MemberId, peer: PeerId, message: ShareOffer, now: Now) -> list[Effect]:
        """Units are offered to us; kept until the owner decides (P-61, P-62)."""
        statement = read_statement(PURPOSE, message.offer)
        content = statement.content
        # [REJECT] it is an offer of this network, from who brings it, to us
        if has_form(OFFER, content) is not None or content["network"] != self._chain.network:
            return [Misbehaved(peer=peer, sentence="sent an offer of shares that is none", fatal=True)]
        if content["from"] != member or content["to"] != self._me:
            return [Misbehaved(peer=peer, sentence="sent an offer of shares that is not its own to us", fatal=True)]
        # [IGNORE] it is known, over, or stands for longer than an offer may
        if statement.id in self.taken or statement.id in self.ended:
            return []
        if not now.wall_ms <= content["until"] <= now.wall_ms + OFFER_LIFE_MAX_MS:
            return []
        # [IGNORE] there is room for it
        of_member = sum(1 for offer in self.taken.values() if offer.giver == member)
        if len(self.taken) >= TAKEN_MAX or of_member >= TAKEN_PER_MEMBER_MAX:
            return []
        # [IGNORE] its key speaks for the member; we may be behind with the ledger
        if working_key_of(self._chain.state, statement.key) != member:
            return []
        # [REJECT] its signature is good
        if not statement.is_signed():
            return [Misbehaved(peer=peer, sentence="sent an offer of shares with a wrong signature", fatal=True)]
        offer = _seen(statement)
        self.taken[offer.id] = offer
        return [_keep(KEPT_TAKEN, offer), Negotiated(effect=SharesArrived(offer=offer.id))]

    def heard_accepted(self, member: MemberId, peer: PeerId, message: ShareAccepted) -> list[Effect]:
        """An offer of ours is accepted: keep that and enter the transfer (P-63, P-64)."""
        statement = read_statement(ACCEPT_PURPOSE, message.accept)
        content = statement.content
        if has_form(ACCEPTANCE, content) is not None or content["to"] != member:
            return [Misbehaved(peer=peer, sentence="sent an acceptance of shares that is none", fatal=True)]
        offer = next((one for one in self.given.values() if one.nonce == content["nonce"]), None)
        if offer is None or offer.accept is not None:
            return []
        if content != {name: one for name, one in offer.statement.content.items() if name != "note"}:
            return [Misbehaved(peer=peer, sentence="accepted other shares than were offered", fatal=True)]
        if working_key_of(self._chain.state, statement.key) != member:
            return []
        if not statement.is_signed():
            return [Misbehaved(peer=peer, sentence="sent an acceptance with a wrong signature", fatal=True)]
        offer = self.given[offer.id] = replace(offer, accept=statement)
        self._wanted.append(offer.id)
        return [_keep(KEPT_GIVEN, offer)]

    # -- the ledger

    def started(self, is_pending: Callable[[bytes], bool]) -> list[Effect]:
        """Once after a start: enter what was accepted and does not wait in the pool, forget what was used (P-66)."""
        for offer in self.given.values():
            if offer.accept is not None and (offer.entry is None or not is_pending(offer.entry)):
                self._wanted.append(offer.id)
        effects: list[Effect] = []
        for offer in list(self.taken.values()):
            if offer.accept is not None and is_used(self._chain.state, offer.accept.id):
                effects += self._end(KEPT_TAKEN, offer.id, "", b"", self._chain.head.height)
        return effects

    def next_submission(self, now: Now) -> Submit | None:
        """The next transfer to sign, if any; `submitted` is to follow."""
        while self._wanted:
            offer = self.given.get(self._wanted.popleft())
            if offer is None or offer.accept is None:
                continue
            self._signing = offer.id
            operation: dict[str, Value] = {
                "accept": offer.accept.to_value(),
                "asset": offer.asset,
                "t": "shares.transfer/1",
                "to": offer.receiver,
                "units": offer.units,
            }
            if offer.note:
                operation["note"] = offer.note
            until_ms = min(offer.until_ms, max(now.wall_ms, self._chain.head.time_ms) + _ENTRY_LIFE_MS)
            return Submit(operations=(operation,), token=TOKEN, until_ms=until_ms)
        return None

    def submitted(self, effects: list[Effect]) -> list[Effect]:
        """What came of signing: remember the entry, or that the ledger would refuse it."""
        offer_id, self._signing = self._signing, None
        kept: list[Effect] = []
        for effect in effects:
            match effect:
                case Recorded() if offer_id is not None:
                    offer = self.given[offer_id] = replace(self.given[offer_id], entry=effect.entry_ids[0])
                    kept.append(_keep(KEPT_GIVEN, offer))
                case NotRecorded() if offer_id is not None:
                    # Used before: the transfer was entered, and a power cut made us forget it.
                    outcome = "" if effect.code == ShareReason.ACCEPTED_BEFORE else effect.code
                    kept += self._end(KEPT_GIVEN, offer_id, outcome, b"", self._chain.head.height)
                case _:
                    kept.append(effect)
        return kept

    def final(self, effect: Final) -> list[Effect]:
        """An entry of ours became final or lapsed."""
        for offer in self.given.values():
            if offer.entry == effect.entry_id:
                return self._end(KEPT_GIVEN, offer.id, effect.outcome, effect.entry_id, effect.height)
        return []

    def ledger_moved(self, blocks: Sequence[Block]) -> list[Effect]:
        """Blocks became final: what we accepted may be ours now, and what lapsed is forgotten."""
        effects: list[Effect] = []
        accepted = {offer.accept.id: offer for offer in self.taken.values() if offer.accept is not None}
        for block in blocks if accepted else ():
            for entry, outcome in zip(block.entries, block.outcomes, strict=True):
                if not outcome and entry.name == "shares.transfer/1" and "accept" in entry.operation:
                    offer = accepted.pop(units_statement(entry.operation["accept"]).id, None)
                    if offer is not None:
                        effects += self._end(KEPT_TAKEN, offer.id, "", entry.id, block.header.height)
        for kind, offers in ((KEPT_GIVEN, self.given), (KEPT_TAKEN, self.taken)):
            for offer in [one for one in offers.values() if one.until_ms < self._chain.head.time_ms]:
                if offer.entry is None:
                    effects += self._end(kind, offer.id, "share.offer-lapsed", b"", self._chain.head.height)
        return effects

    # -- inside

    def _end(self, kind: str, offer_id: bytes, outcome: str, entry: bytes, height: int) -> list[Effect]:
        (self.given if kind == KEPT_GIVEN else self.taken).pop(offer_id, None)
        ended = self.ended[offer_id] = SharesEnded(offer=offer_id, outcome=outcome, entry=entry, height=height)
        while len(self.ended) > ENDED_MAX:
            del self.ended[next(iter(self.ended))]
        return [Keep(kind=kind, id=offer_id, value=None), Negotiated(effect=ended)]

    def _tell(self, member: MemberId, message: ShareOffer | ShareAccepted) -> list[Effect]:
        return [Send(peer=peer, message=message) for peer in self._machines.get(member, ())]


def _seen(statement: Statement, accept: Statement | None = None, entry: bytes | None = None) -> OfferSeen:
    content = statement.content
    return OfferSeen(
        statement=statement,
        asset=content["asset"],
        giver=MemberId(content["from"]),
        receiver=MemberId(content["to"]),
        units=content["units"],
        until_ms=content["until"],
        nonce=content["nonce"],
        note=content.get("note", ""),
        accept=accept,
        entry=entry,
    )


def _keep(kind: str, offer: OfferSeen) -> Keep:
    value: dict[str, Value] = {"offer": offer.statement.to_value()}
    if offer.accept is not None:
        value["accept"] = offer.accept.to_value()
    if offer.entry is not None:
        value["entry"] = offer.entry
    return Keep(kind=kind, id=offer.id, value=encode(value))


def _restored(data: bytes) -> OfferSeen:
    """What `_keep` wrote; judged when it came."""
    value: dict[str, Any] = decode(data)
    accept = read_statement(ACCEPT_PURPOSE, value["accept"]) if "accept" in value else None
    return _seen(read_statement(PURPOSE, value["offer"]), accept, value.get("entry"))


def _answer(effect: SharesKept | SharesDeclined, token: int) -> Negotiated:
    return Negotiated(effect=effect, token=token)


def _declined(reason: str, text: str, token: int) -> list[Effect]:
    return [_answer(SharesDeclined(reason=reason, text=text), token)]
