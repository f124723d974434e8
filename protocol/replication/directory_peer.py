"""One member's part in the directory: own advert and address renewed, those of others taken in, checked, handed on.

What is new goes to a bounded number of peers at once; what a lost message cost is found by comparing lists on every
connection and now and then with one peer in turn (SPEC P-40 to P-46). A late joiner has it all after one exchange.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ledger.canonical import digest
from ledger.chain import Chain
from ledger.errors import RemoteError
from ledger.keys import MemberId, PublicKey, SigningKey
from ledger.operations.members import is_member, working_key_of
from ledger.statement import Statement, read_statement
from protocol.capability.advertisement import (
    Advert,
    Rule,
    Verdict,
    issue,
    judge,
    next_counter,
    read_advert,
    renew_at_ms,
)
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
from protocol.replication.allowance import Heard, newest_alone
from protocol.replication.packing import in_messages, kept_bytes, kept_statement
from protocol.replication.records import PeerRecord, PeerRecords, judge_record, sign_record

KEPT_ADVERT = "advert"
KEPT_RECORD = "record"
KEPT_DEFINITION = "definition"
EARLY_RECORDS_MAX = 1_024
"""Records of machines the ledger does not know here yet: what a newcomer is told before it has the blocks."""
MISSED_AGAIN_MS = 250
"""Between two lists sent because the ledger moved: catching up moves it many times a second."""
ANSWERS_MAX = 8
"""Lists compared with one peer at a time: on connecting, after catching up, and some to spare."""
ANSWER_AGAIN_MS = 15_000
"""After so long one more answer: a list of some bytes can ask for all the directory there is."""
ASKED_MAX = 64
"""Definitions one peer owes us at a time."""


@dataclass(slots=True, kw_only=True)
class _Answers:
    """How many lists of a peer are still answered."""

    left: int = ANSWERS_MAX
    again_ms: int = 0


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
        self._missed: dict[PeerId, None] = {}
        """Who sent adverts of members that the ledger did not know here yet."""
        self._is_missing = False
        self._missed_ms = 0
        self._answers: dict[PeerId, _Answers] = {}
        self._adverts_from, self._records_from = Heard(), Heard()
        self._exchange_ms = 0
        self._turn = 0
        self._round = 0
        self._restore(kept)

    def _restore(self, kept: Iterable[tuple[str, bytes, bytes]]) -> None:
        """Take back what was kept; only this node wrote it, and it was judged then."""
        for kind, key, value in kept:
            if kind == KEPT_DEFINITION:
                self.catalogue.add_foreign(value, key)
            elif kind == KEPT_RECORD:
                statement = kept_statement("peer-record", value)
                # By its own time: the last block may be older than the record. `tick` forgets what has expired.
                made_ms = statement.content["made"]
                judged = judge_record(self._chain.state, self._chain.network, statement, made_ms)
                if isinstance(judged, PeerRecord):
                    self.records.add(judged)
            elif kind == KEPT_ADVERT:
                advert = read_advert(kept_statement("advert", value))
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
        records = [record.statement.to_value() for record in self.records.all()]
        parts = [records[start : start + ADVERTS_PER_MESSAGE] for start in range(0, len(records), ADVERTS_PER_MESSAGE)]
        told: list[Effect] = [Send(peer=peer, message=Records(records=part)) for part in parts]
        return [Send(peer=peer, message=self._have()), *told, *self._ask_definitions(peer)]

    def lost(self, peer: PeerId) -> list[Effect]:
        """A machine is gone."""
        self._peers.pop(peer, None)
        self._asked.pop(peer, None)
        self._missed.pop(peer, None)
        self._answers.pop(peer, None)
        return []

    def heard_have(self, peer: PeerId, message: Have, now: Now) -> list[Effect]:
        """Send what the other does not have as new as we do, a few times a minute (SPEC P-41)."""
        theirs: dict[bytes, int] = {}
        for member, counter in message.adverts:
            if not isinstance(member, bytes) or type(counter) is not int:
                return [Misbehaved(peer=peer, sentence="sent a list of adverts that is none", fatal=True)]
            theirs[member] = counter
        if not self._may_answer(peer, now):
            return []
        wanted = [advert for advert in self.directory if advert.counter > theirs.get(advert.member, 0)]
        return [Send(peer=peer, message=part) for part in in_messages(wanted)]

    def _may_answer(self, peer: PeerId, now: Now) -> bool:
        answers = self._answers.setdefault(peer, _Answers())
        if now.monotonic_ms >= answers.again_ms:
            answers.left = min(ANSWERS_MAX, answers.left + 1)
            answers.again_ms = now.monotonic_ms + ANSWER_AGAIN_MS
        if answers.left == 0:
            return False
        answers.left -= 1
        return True

    def heard_adverts(self, peer: PeerId, message: Adverts, now: Now) -> list[Effect]:
        """Take in what is new and hand it on (SPEC P-42); C-17 judges."""
        fresh: list[Advert] = []
        effects: list[Effect] = []
        statements = [read_statement("advert", value) for value in message.adverts]
        for statement in newest_alone(statements, "member", "counter"):
            if not self._adverts_from.may(self._whose(statement), peer, now):
                continue
            judgement = judge(
                statement,
                network=self._chain.network,
                now_ms=now.wall_ms,
                member_of_key=self._member_of_key,
                newest=self.directory.newest,
            )
            if judgement.verdict is Verdict.REJECT:
                effects.append(Misbehaved(peer=peer, sentence=f"sent a bad advert: {judgement.reason}", fatal=True))
                break
            if judgement.rule is Rule.NOT_A_MEMBER:
                self._missed[peer] = None
            advert = judgement.advert
            if advert is not None:
                self._adverts_from.checked(self._whose(statement), peer, now)
            if advert is not None and advert.member != self._me.member and self.directory.put(advert):
                fresh.append(advert)
        effects += [self._keep(advert) for advert in fresh]
        for part in in_messages(fresh):
            effects += self._tell(part, peer)
        return effects + self._ask_definitions(peer)

    def heard_records(self, peer: PeerId, message: Records, now: Now) -> list[Effect]:
        """Take in where machines can be dialled (SPEC P-20 to P-23)."""
        fresh: list[PeerRecord] = []
        effects: list[Effect] = []
        statements = [read_statement("peer-record", value) for value in message.records]
        for statement in newest_alone(statements, "peer", "made"):
            if not self._records_from.may(self._whose(statement), peer, now):
                continue
            judged = judge_record(self._chain.state, self._chain.network, statement, now.wall_ms, self.records)
            if isinstance(judged, PeerRecord):
                self._records_from.checked(self._whose(statement), peer, now)
            if judged is pool.Verdict.IGNORE and working_key_of(self._chain.state, statement.key) is None:
                # Perhaps of a member whose joining we have not come to yet; judged again when the ledger moves.
                self._wait(peer, statement)
            if judged is pool.Verdict.REJECT:
                effects.append(Misbehaved(peer=peer, sentence="sent a bad peer record", fatal=True))
                break
            if isinstance(judged, PeerRecord) and judged.peer != self._me.peer and self.records.add(judged):
                fresh.append(judged)
        for record in fresh:
            effects.append(Keep(kind=KEPT_RECORD, id=record.peer, value=kept_bytes(record.statement)))
            effects.append(Addresses(peer=record.peer, addresses=record.addresses))
            effects += self._tell(Records(records=[record.statement.to_value()]), peer)
        return effects

    def _wait(self, peer: PeerId, statement: Statement) -> None:
        """Hold a record for later; one peer fills at most half of the room."""
        same = sum(source == peer for source, _ in self._early.values())
        if len(self._early) < EARLY_RECORDS_MAX and same < EARLY_RECORDS_MAX // 2:
            self._early[statement.id] = (peer, statement)

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
            wanted = digest("function", data)
            if wanted not in asked:
                continue
            try:
                taken = self.catalogue.add_foreign(data, wanted)
            except RemoteError:
                return [*effects, Misbehaved(peer=peer, sentence="sent a definition that is none", fatal=True)]
            if taken:
                asked.discard(wanted)
                self.directory.learned(wanted)
                effects.append(Keep(kind=KEPT_DEFINITION, id=wanted, value=data))
        return effects + self._ask_definitions(peer)

    # -- time and ledger

    def ledger_moved(self, now: Now, *, members_changed: bool) -> list[Effect]:
        """After a block: who joined may advertise, and what came before its member's joining counts (SPEC P-45)."""
        effects = self._advertise(now) if self._own is None and self._offers else []
        if not members_changed:
            return effects
        if self._record is None and (record := self.own_record(now)) is not None:
            # Our own joining has come: only now does anybody believe where we can be reached.
            effects += self._tell(Records(records=[record.to_value()]), None)
        early, self._early = self._early, {}
        for peer, statement in early.values():
            effects += self.heard_records(peer, Records(records=[statement.to_value()]), now)
        self._is_missing = bool(self._missed)
        return effects + self._ask_missed(now)

    def _ask_missed(self, now: Now) -> list[Effect]:
        """Compare lists once more with whoever sent adverts of members who may be known by now."""
        if not self._is_missing or now.monotonic_ms < self._missed_ms:
            return []
        peers, self._missed, self._is_missing = list(self._missed), {}, False
        self._missed_ms = now.monotonic_ms + MISSED_AGAIN_MS
        return [Send(peer=peer, message=self._have()) for peer in peers]

    def tick(self, now: Now) -> list[Effect]:
        """Renew, expire, and compare lists with the next peer in turn."""
        swept = self.directory.sweep(now.wall_ms)
        effects: list[Effect] = [Keep(kind=KEPT_ADVERT, id=member, value=None) for member in swept]
        for peer in self.records.expire(now.wall_ms):
            effects.append(Keep(kind=KEPT_RECORD, id=peer, value=None))
            effects.append(Addresses(peer=peer, addresses=()))
        if self._own is not None and now.wall_ms >= renew_at_ms(self._own.issued_ms, self._own.until_ms):
            effects += self._advertise(now)
        if self._record is not None and now.wall_ms >= self._record_made_ms + RECORD_LIFE_MS // 2:
            effects += self.reachable(self._addresses, now)
        effects += self._ask_missed(now)
        if self._peers and now.monotonic_ms >= self._exchange_ms:
            self._exchange_ms = now.monotonic_ms + EXCHANGE_MS
            self._turn = (self._turn + 1) % len(self._peers)
            self._round += self._turn == 0
            peer = list(self._peers)[self._turn]
            self._asked.pop(peer, None)
            effects += [Send(peer=peer, message=self._have()), *self._some_records(peer, now)]
            effects += self._ask_definitions(peer)
        return effects

    def _some_records(self, peer: PeerId, now: Now) -> list[Effect]:
        """Our own record and, a part per round of peers, those we know: a lost one is told again before it expires."""
        known = [record.statement for record in self.records.all()]
        own = self.own_record(now)
        size = ADVERTS_PER_MESSAGE - 1
        start = size * (self._round % (len(known) // size + 1))
        told = [statement.to_value() for statement in ([own] if own else []) + known[start : start + size]]
        return [Send(peer=peer, message=Records(records=told))] if told else []

    def wake_ms(self, now: Now) -> int | None:
        """When `tick` is next needed, on the monotonic clock."""
        moments = [max(self._exchange_ms, now.monotonic_ms)] if self._peers else []
        if self._own is not None and is_member(self._chain.state, self._me.member):
            wait_ms = renew_at_ms(self._own.issued_ms, self._own.until_ms) - now.wall_ms
            moments.append(now.monotonic_ms + max(0, wait_ms))
        if self._is_missing:
            moments.append(max(self._missed_ms, now.monotonic_ms))
        return min(moments, default=None)

    # -- helpers

    def _member_of_key(self, key: PublicKey) -> MemberId | None:
        return working_key_of(self._chain.state, key)

    def _whose(self, statement: Statement) -> bytes:
        return self._member_of_key(statement.key) or statement.key

    def _have(self) -> Have:
        pairs = [[advert.member, advert.counter] for advert in self.directory]
        return Have(adverts=pairs[:HAVE_PER_MESSAGE])

    def _keep(self, advert: Advert) -> Keep:
        return Keep(kind=KEPT_ADVERT, id=advert.member, value=kept_bytes(advert.statement))

    def _tell(self, message: Message, source: PeerId | None) -> list[Effect]:
        return [Send(peer=peer, message=message) for peer in [one for one in self._peers if one != source][:FAN_OUT]]

    def _ask_definitions(self, peer: PeerId) -> list[Effect]:
        """Ask for definitions of functions that are offered and not known here (SPEC P-44)."""
        asked = self._asked.setdefault(peer, set())
        wanted = [one for one in self.directory.unknown_functions() if one not in asked]
        wanted = wanted[: min(DEFINITIONS_PER_MESSAGE, ASKED_MAX - len(asked))]
        asked.update(wanted)
        return [Send(peer=peer, message=AskDefinitions(hashes=wanted))] if wanted else []
