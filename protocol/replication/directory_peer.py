"""One member's part in the directory: own advert and address renewed, those of others taken in, checked, handed on.

What is new goes to a bounded number of peers at once; what a lost message cost is found by comparing lists on every
connection and now and then with one peer in turn (SPEC P-40 to P-46). A late joiner has it all after one exchange.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ledger.chain import Chain
from ledger.form import Malformed
from ledger.keys import MemberId, PublicKey, Signature, SigningKey
from ledger.operations.members import is_member, working_key_of
from ledger.statement import Statement, read_statement
from protocol.capability.advertisement import Advert, Verdict, issue, judge, next_counter, read_advert, renew_at_ms
from protocol.capability.catalogue import Catalogue
from protocol.capability.directory import Directory
from protocol.capability.offers import Offer
from protocol.capability.places import Place
from protocol.effects import Addresses, Effect, Keep, Misbehaved, Send
from protocol.inputs import Now, PeerId
from protocol.limits import (
    ADVERTS_PER_MESSAGE,
    DEFINITIONS_PER_MESSAGE,
    EXCHANGE_MS,
    FAN_OUT,
    HAVE_PER_MESSAGE,
    RECORD_LIFE_MS,
)
from protocol.messages import Adverts, AskDefinitions, Definitions, Have, Message, Records
from protocol.replication import pool
from protocol.replication.records import PeerRecord, PeerRecords, judge_record, sign_record

KEPT_ADVERT = "advert"
KEPT_RECORD = "record"
KEPT_DEFINITION = "definition"
EARLY_RECORDS_MAX = 256
"""Records of machines the ledger does not know yet: the guests of one busy evening."""
MESSAGE_BYTES_MAX = 512 << 10
"""Adverts in one message: room below a frame for their framing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Whose adverts and records these are."""

    member: MemberId
    peer: PeerId
    signer: SigningKey
    place: Place | None


class DirectoryPeer:
    """The directory and the address book of one machine."""

    def __init__(
        self, chain: Chain, me: Identity, catalogue: Catalogue, kept: Iterable[tuple[str, bytes, bytes]]
    ) -> None:
        self.directory = Directory(catalogue)
        self.catalogue = catalogue
        self.records = PeerRecords()
        self._chain = chain
        self._me = me
        self._offers: tuple[Offer, ...] | None = None
        self._own: Advert | None = None
        self._counter = 0
        self._addresses: tuple[str, ...] = ()
        self._record: Statement | None = None
        self._record_made_ms = 0
        self._peers: dict[PeerId, None] = {}
        self._asked: dict[PeerId, set[bytes]] = {}
        self._early: dict[bytes, tuple[PeerId, Statement]] = {}
        self._exchange_ms = 0
        self._turn = 0
        self._restore(kept)

    def _restore(self, kept: Iterable[tuple[str, bytes, bytes]]) -> None:
        """Take back what was kept; only this node wrote it, and it was judged then."""
        for kind, key, value in kept:
            if kind == KEPT_DEFINITION:
                self.catalogue.add_foreign(value, key)
            elif kind == KEPT_RECORD:
                judged = judge_record(
                    self._chain.state, self._chain.network, _kept_statement("peer-record", value), self._chain.head.time_ms
                )
                if isinstance(judged, PeerRecord):
                    self.records.add(judged)
            elif kind == KEPT_ADVERT:
                advert = read_advert(_kept_statement("advert", value))
                if advert.member == self._me.member:
                    self._counter = advert.counter
                if is_member(self._chain.state, advert.member):
                    self.directory.put(advert)

    # -- own

    def offered(self, offers: Sequence[Offer], now: Now) -> list[Effect]:
        """The owner's offers are these now: advertise them."""
        self._offers = tuple(offers)
        return self._advertise(now)

    def reachable(self, addresses: Sequence[str], now: Now) -> list[Effect]:
        """Our addresses are these now: tell the members."""
        self._addresses = tuple(addresses)
        self._record = None
        record = self.own_record(now)
        return [] if record is None else self._tell(Records(records=[record.to_value()]), None)

    def own_record(self, now: Now) -> Statement | None:
        """Our current record, made anew when half its life is over; None before we are a member."""
        if not is_member(self._chain.state, self._me.member):
            return None
        if self._record is None or now.wall_ms >= self._record_made_ms + RECORD_LIFE_MS // 2:
            self._record_made_ms = max(now.wall_ms, self._record_made_ms + 1)
            self._record = sign_record(
                self._me.signer,
                network=self._chain.network,
                member=self._me.member,
                peer=self._me.peer,
                addresses=self._addresses,
                made_ms=self._record_made_ms,
            )
        return self._record

    def _advertise(self, now: Now) -> list[Effect]:
        if self._offers is None or not is_member(self._chain.state, self._me.member):
            return []
        if not self._offers and self._own is None and self._counter == 0:
            return []
        self._counter = next_counter(self._counter, now.wall_ms)
        statement = issue(
            self._offers,
            network=self._chain.network,
            member=self._me.member,
            counter=self._counter,
            place=self._me.place,
            now_ms=now.wall_ms,
            signer=self._me.signer,
        )
        self._own = read_advert(statement)
        self.directory.put(self._own)
        return [self._keep(self._own), *self._tell(Adverts(adverts=[statement.to_value()]), None)]

    # -- peers

    def connected(self, peer: PeerId) -> list[Effect]:
        """Compare lists with a machine that is there now, and give it the addresses we know."""
        self._peers[peer] = None
        effects: list[Effect] = [Send(peer=peer, message=self._have())]
        records = [record.statement.to_value() for record in self.records.all()]
        for start in range(0, len(records), ADVERTS_PER_MESSAGE):
            effects.append(Send(peer=peer, message=Records(records=records[start : start + ADVERTS_PER_MESSAGE])))
        return effects

    def lost(self, peer: PeerId) -> list[Effect]:
        """A machine is gone."""
        self._peers.pop(peer, None)
        self._asked.pop(peer, None)
        return []

    def heard_have(self, peer: PeerId, message: Have) -> list[Effect]:
        """Send what the other does not have as new as we do (SPEC P-41)."""
        theirs: dict[bytes, int] = {}
        for member, counter in message.adverts:
            if not isinstance(member, bytes) or type(counter) is not int:
                return [Misbehaved(peer=peer, sentence="sent a list of adverts that is none", fatal=True)]
            theirs[member] = counter
        wanted = [advert for advert in self.directory if advert.counter > theirs.get(advert.member, 0)]
        return [Send(peer=peer, message=part) for part in _parts(wanted)]

    def heard_adverts(self, peer: PeerId, message: Adverts, now: Now) -> list[Effect]:
        """Take in what is new and hand it on (SPEC P-42); C-17 judges."""
        fresh: list[Advert] = []
        effects: list[Effect] = []
        for value in message.adverts:
            judgement = judge(
                read_statement("advert", value),
                network=self._chain.network,
                now_ms=now.wall_ms,
                member_of_key=self._member_of_key,
                newest=self.directory.newest,
            )
            if judgement.verdict is Verdict.REJECT:
                effects.append(Misbehaved(peer=peer, sentence=f"sent a bad advert: {judgement.reason}", fatal=True))
                break
            advert = judgement.advert
            if advert is not None and advert.member != self._me.member and self.directory.put(advert):
                fresh.append(advert)
        effects += [self._keep(advert) for advert in fresh]
        for part in _parts(fresh):
            effects += self._tell(part, peer)
        return effects + self._ask_definitions(peer, fresh)

    def heard_records(self, peer: PeerId, message: Records, now: Now) -> list[Effect]:
        """Take in where machines can be dialled (SPEC P-20 to P-23)."""
        fresh: list[PeerRecord] = []
        effects: list[Effect] = []
        for value in message.records:
            statement = read_statement("peer-record", value)
            judged = judge_record(self._chain.state, self._chain.network, statement, now.wall_ms)
            if judged is pool.Verdict.IGNORE and len(self._early) < EARLY_RECORDS_MAX:
                # Perhaps of a member whose joining we have not come to yet; judged again when the ledger moves.
                self._early[statement.id] = (peer, statement)
            if judged is pool.Verdict.REJECT:
                effects.append(Misbehaved(peer=peer, sentence="sent a bad peer record", fatal=True))
                break
            if isinstance(judged, PeerRecord) and judged.peer != self._me.peer and self.records.add(judged):
                fresh.append(judged)
        for record in fresh:
            effects.append(Keep(kind=KEPT_RECORD, id=record.peer, value=_kept(record.statement)))
            effects.append(Addresses(peer=record.peer, addresses=record.addresses))
            effects += self._tell(Records(records=[record.statement.to_value()]), peer)
        return effects

    def heard_ask_definitions(self, peer: PeerId, message: AskDefinitions) -> list[Effect]:
        """Send the definitions we know of those asked for."""
        known = [function for wanted in message.hashes if (function := self.catalogue.by_hash(wanted)) is not None]
        if not known:
            return []
        data = [function.definition.to_bytes() for function in known]
        return [Send(peer=peer, message=Definitions(definitions=data))]

    def heard_definitions(self, peer: PeerId, message: Definitions) -> list[Effect]:
        """Take in definitions that were asked for, each under the hash it was asked by (SPEC C-4)."""
        asked = self._asked.get(peer, set())
        effects: list[Effect] = []
        for data in message.definitions:
            for wanted in sorted(asked):
                try:
                    taken = self.catalogue.add_foreign(data, wanted)
                except (Malformed, ValueError):
                    return [Misbehaved(peer=peer, sentence="sent a definition that is none", fatal=True)]
                if taken:
                    asked.discard(wanted)
                    self.directory.learned(wanted)
                    effects.append(Keep(kind=KEPT_DEFINITION, id=wanted, value=data))
                    break
        return effects

    # -- time and ledger

    def ledger_moved(self, now: Now) -> list[Effect]:
        """After a block: who joined may advertise, and addresses that came before their member's joining count."""
        effects = self._advertise(now) if self._own is None and self._offers else []
        early, self._early = self._early, {}
        for peer, statement in early.values():
            effects += self.heard_records(peer, Records(records=[statement.to_value()]), now)
        return effects

    def tick(self, now: Now) -> list[Effect]:
        """Renew, expire, and compare lists with the next peer in turn."""
        effects: list[Effect] = []
        for member in self.directory.sweep(now.wall_ms):
            effects.append(Keep(kind=KEPT_ADVERT, id=member, value=None))
        for peer in self.records.expire(now.wall_ms):
            effects.append(Keep(kind=KEPT_RECORD, id=peer, value=None))
            effects.append(Addresses(peer=peer, addresses=()))
        if self._own is not None and now.wall_ms >= renew_at_ms(self._own.issued_ms, self._own.until_ms):
            effects += self._advertise(now)
        if self._peers and now.monotonic_ms >= self._exchange_ms:
            self._exchange_ms = now.monotonic_ms + EXCHANGE_MS
            self._turn = (self._turn + 1) % len(self._peers)
            effects.append(Send(peer=list(self._peers)[self._turn], message=self._have()))
        return effects

    def wake_ms(self, now: Now) -> int | None:
        """When `tick` is next needed, on the monotonic clock."""
        moments = [max(self._exchange_ms, now.monotonic_ms)] if self._peers else []
        if self._own is not None:
            wait_ms = renew_at_ms(self._own.issued_ms, self._own.until_ms) - now.wall_ms
            moments.append(now.monotonic_ms + max(0, wait_ms))
        return min(moments, default=None)

    # -- helpers

    def _member_of_key(self, key: PublicKey) -> MemberId | None:
        return working_key_of(self._chain.state, key)

    def _have(self) -> Have:
        pairs = [[advert.member, advert.counter] for advert in self.directory]
        return Have(adverts=pairs[:HAVE_PER_MESSAGE])

    def _keep(self, advert: Advert) -> Keep:
        return Keep(kind=KEPT_ADVERT, id=advert.member, value=_kept(advert.statement))

    def _tell(self, message: Message, source: PeerId | None) -> list[Effect]:
        return [Send(peer=peer, message=message) for peer in [one for one in self._peers if one != source][:FAN_OUT]]

    def _ask_definitions(self, peer: PeerId, adverts: Sequence[Advert]) -> list[Effect]:
        asked = self._asked.setdefault(peer, set())
        wanted = sorted(
            {name for advert in adverts for name in advert.functions if self.catalogue.by_hash(name) is None} - asked
        )[:DEFINITIONS_PER_MESSAGE]
        if not wanted:
            return []
        asked.update(wanted)
        return [Send(peer=peer, message=AskDefinitions(hashes=wanted))]


def _kept(statement: Statement) -> bytes:
    return statement.key + statement.signature + statement.body


def _kept_statement(purpose: str, value: bytes) -> Statement:
    return Statement(
        purpose=purpose, key=PublicKey(value[:32]), signature=Signature(value[32:96]), body=value[96:]
    )


def _parts(adverts: Sequence[Advert]) -> list[Adverts]:
    """Adverts in messages below the frame's size."""
    parts: list[Adverts] = []
    part: list[dict[str, object]] = []
    size = 0
    for advert in adverts:
        weight = len(advert.statement.body) + 160
        if part and (len(part) == ADVERTS_PER_MESSAGE or size + weight > MESSAGE_BYTES_MAX):
            parts.append(Adverts(adverts=part))
            part, size = [], 0
        part.append(advert.statement.to_value())
        size += weight
    return [*parts, Adverts(adverts=part)] if part else parts


