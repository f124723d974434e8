"""What witnesses may never do, checked from outside at every vote, whoever lies.

Every vote that any key ever signed is counted here by the true quorum. So a certificate is what it claims only where
these votes exist; two that exclude each other can never both come about; and no correct witness may vote for what the
certificates of all votes ever cast do not allow. Source: consensus rules 3, 7 to 13, 25 and 27; invariants 5 and 7.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dpnode.voting import Kind
from ledger.block import Header
from ledger.canonical import decode
from ledger.chain import CLOCK_SKEW_MS
from ledger.consensus.votes import (
    Certificate,
    Vote,
    VoteKind,
    conflict,
    read_certificate,
    vote_from_value,
    vote_id,
)
from ledger.keys import PublicKey, verify
from protocol.effects import Alarm, Commit, Effect, Halt, Journal, KeepPending, Send
from protocol.messages import AskOwnVotes, OwnVotes, Proposed, Voted
from tests.simulation.closings import Closings
from tests.simulation.told import Seat

EVIDENCE = "evidence.votes/1"
SEEN_AHEAD_MAX = 50
"""A vote that is further ahead may have been too far ahead to be counted."""
SEEN_PAST = 64
"""Votes of so many views that are final convict as well."""


class Violation(AssertionError):
    """A rule was broken; the text says which, by whom and when."""


def quorum_of(witnesses: int) -> int:
    """Written once more, so that a wrong one in the core shows."""
    return witnesses - (witnesses - 1) // 3


class Ballots:
    """All votes ever cast, and every witness's own rules."""

    def __init__(self) -> None:
        self.clock: Callable[[Any], Any] = lambda node: None
        self.liars: set[bytes] = set()
        """Machines of witnesses who lie."""
        self.restored: set[bytes] = set()
        """Machines whose journal was put back from an older copy: they may convict themselves, and count as liars."""
        self.keys: dict[int, list[PublicKey]] = {}
        self.bases: dict[int, bytes] = {}
        self.headers: dict[bytes, Header] = {}
        self.closings = Closings()
        self.cast: dict[tuple[int, int, VoteKind, bytes], set[int]] = {}
        self.certain: dict[tuple[int, int, VoteKind], bytes] = {}
        """The block that a quorum has voted for, by (epoch, view, kind)."""
        self.owed: dict[bytes, str] = {}
        """Voting keys whose two votes one correct witness has seen -> which witness."""
        self.doubles = 0
        """Votes that convict their key."""
        self._seats: dict[bytes, Seat] = {}
        self._answers: dict[tuple[bytes, bytes], tuple[OwnVotes, int]] = {}
        """(who told, who asked) -> the last answer of an honest machine, and the view that was final there."""

    def seat(self, node: Any) -> Seat:
        """What is remembered of this machine."""
        return self._seats.setdefault(node.who.peer, Seat())

    def started(self, node: Any) -> None:
        """A new incarnation has everything before it."""
        seat = self.seat(node)
        seat.token, seat.is_open, seat.must_stop = 0, False, False
        seat.heard.clear()
        seat.seen.clear()
        seat.held, seat.records, seat.read = {}, 0, []
        seat.floors.clear()
        seat.closed.clear()
        self.settled(node)

    def settled(self, node: Any) -> None:
        """Where it is the only witness there is nobody to ask."""
        self._know(node)
        if node.parts.core.chain.voting_keys == [node.who.voting.public]:
            self.seat(node).is_open = True

    def _know(self, node: Any) -> None:
        chain = node.parts.core.chain
        epoch = chain.head.epoch
        if epoch not in self.keys:
            self.keys[epoch] = list(chain.voting_keys)
            self.bases[epoch] = chain.head.block

    def journal(self, node: Any) -> dict[bytes, Vote]:
        """The votes in a machine's journal."""
        seat, records = self.seat(node), node.disk.journal
        if seat.read is not records:
            seat.read, seat.records = records, 0
        for record in records[seat.records :]:
            if record.kind == Kind.BALLOT and record.body not in seat.held:
                seat.held[record.body] = vote_from_value(decode(record.body))
            elif record.kind == Kind.FLOOR:
                floor = decode(record.body)
                seat.floors[floor["epoch"]] = floor["view"]
        seat.records = len(records)
        return seat.held

    # -- all votes

    def add(self, vote: Vote) -> None:
        """Somebody signed this."""
        mark = (vote.epoch, vote.view, vote.kind, vote.block)
        places = self.cast.setdefault(mark, set())
        if vote.witness in places:
            return
        places.add(vote.witness)
        if len(places) == quorum_of(len(self.keys[vote.epoch])):
            self._certified(vote)

    def _certified(self, vote: Vote) -> None:
        epoch, view = vote.epoch, vote.view
        known = self.certain.setdefault((epoch, view, vote.kind), vote.block)
        if known != vote.block:
            raise Violation(f"two blocks can be certified in view {view}: {vote.kind.value}")
        final = self.certain.get((epoch, view, VoteKind.FINALIZE))
        for kind in (VoteKind.NOTARIZE, VoteKind.NULLIFY):
            other = self.certain.get((epoch, view, kind))
            if final is not None and other is not None and other != final:
                raise Violation(f"view {view} can be finalized and something else in it certified: {kind.value}")

    def is_true(self, certificate: Certificate) -> bool:
        """Whether a quorum really cast these votes."""
        mark = (certificate.epoch, certificate.view, certificate.kind, certificate.block)
        keys = self.keys.get(certificate.epoch, [])
        places = {place for place, _ in certificate.votes}
        return len(places) >= quorum_of(len(keys)) and places <= self.cast.get(mark, set())

    # -- each witness's own rules

    def before(self, node: Any, effect: Effect) -> None:
        """An effect is about to be performed."""
        self._know(node)
        if node.who.peer in self.liars:
            if isinstance(effect, Journal):
                self._remember_blocks(effect)
                for vote in effect.votes:
                    self.add(vote)
            return
        match effect:
            case Journal():
                self._remember_blocks(effect)
                for vote in effect.votes:
                    self._votes(node, vote)
                for certificate in effect.certificates:
                    if not self.is_true(certificate):
                        raise Violation(f"{node.who.name} believed a certificate that no quorum signed")
            case Send(message=Voted() as message):
                for value in message.votes:
                    self._told(node, vote_from_value(value))
            case Send(message=Proposed() as message):
                self._told(node, vote_from_value(message.vote))
            case Send(message=AskOwnVotes() as message):
                self.seat(node).token = message.token
            case Send(message=OwnVotes() as message):
                replica = node.parts.core.ledger.orderer._replica
                known = replica._book.views.final
                final = max(replica.floor, known.view if known is not None else 0)
                self._answers[node.who.peer, effect.peer] = (message, final)
            case Commit():
                self._final(node, effect)
            case Halt() if node.who.peer not in self.restored:
                raise Violation(f"{node.who.name}, a correct witness, votes no more: {effect.reason}")
            case Alarm() if node.who.peer not in self.restored:
                raise Violation(f"{node.who.name} raised an alarm: {effect.sentence}")
            case KeepPending():
                for entry in effect.entries:
                    if entry.name == EVIDENCE:
                        self.accused(bytes(entry.operation["first"]["key"]), node.who.name)
            case _:
                pass

    def accused(self, key: bytes, by: str) -> None:
        """Invariant 7: a correct witness is never convictable."""
        if key not in self._guilty_keys:
            raise Violation(f"{by} accuses a correct witness")

    guilty: Callable[[], set[bytes]] = staticmethod(lambda: set())
    """The voting keys of whoever lies or was put back."""

    @property
    def _guilty_keys(self) -> set[bytes]:
        return self.guilty()

    def _remember_blocks(self, effect: Journal) -> None:
        for block in effect.blocks:
            self.headers[block.header.id] = block.header
        self.closings.remember(effect.blocks)

    def _votes(self, node: Any, vote: Vote) -> None:
        """Rules 7, 8, 10 and 13, for one vote that is about to be written."""
        name, seat, head = node.who.name, self.seat(node), node.parts.core.chain.head
        where = f"{vote.kind.value} in view {vote.view}"
        if vote.epoch != head.epoch or vote.view <= head.view:
            raise Violation(f"{name} cast {where}, which is final already")
        self._opened(node, vote.epoch)
        if not seat.is_open:
            raise Violation(f"{name} voted before it had heard what it signed before its start")
        if seat.must_stop:
            raise Violation(f"{name} votes on though it was told of a vote that its journal lost: {where}")
        if vote.view <= seat.closed.get(vote.epoch, 0):
            # Whoever was put back is told of no vote there: the others have dropped them.
            raise Violation(f"{name} cast {where}, though it was told that this view is final")
        if any(conflict(vote, other) for other in seat.reminded):
            raise Violation(f"{name} contradicts what it was told it had signed: {where}")
        cast = seat.votes.setdefault((vote.epoch, vote.view), [])
        if any(conflict(vote, other) for other in cast):
            self.doubles += 1
            if node.who.peer not in self.restored:
                raise Violation(f"{name} cast two votes that convict it: {where}")
        cast.append(vote)
        self.add(vote)
        match vote.kind:
            case VoteKind.FINALIZE:
                if self.certain.get((vote.epoch, vote.view, VoteKind.NOTARIZE)) != vote.block:
                    raise Violation(f"{name} cast {where} for a block that no quorum notarized there")
            case VoteKind.NOTARIZE:
                self._notarizes(node, vote, where)
            case VoteKind.NULLIFY:
                pass

    def _notarizes(self, node: Any, vote: Vote, where: str) -> None:
        header = self.headers.get(vote.block)
        if header is None:
            raise Violation(f"{node.who.name} cast {where} for a block that it has not kept")
        is_new = header.view == vote.view
        below = header.parent if is_new else vote.block
        if not self._stands(vote.epoch, vote.view, below):
            raise Violation(f"{node.who.name} cast {where} for a block whose parent is not certified below it")
        if is_new and self.closings.open(node.parts.core.chain, header.parent):
            raise Violation(
                f"{node.who.name} cast {where} for a block on one that changes the witnesses and is not final"
            )
        is_leader = vote.view % len(self.keys[vote.epoch]) == vote.witness
        if is_new and not is_leader and abs(header.time_ms - self.clock(node).wall_ms) > CLOCK_SKEW_MS:
            raise Violation(f"{node.who.name} cast {where} for a block whose time is not near its clock")

    def _stands(self, epoch: int, view: int, block: bytes) -> bool:
        """Rule 7: notarized in a view below, and every view between given up."""
        for at in range(view - 1, -1, -1):
            if (block == self.bases[epoch]) if at == 0 else self._notarized(epoch, at) == block:
                return True
            if (epoch, at, VoteKind.NULLIFY) not in self.certain:
                return False
        return False

    def _notarized(self, epoch: int, view: int) -> bytes | None:
        return self.certain.get((epoch, view, VoteKind.NOTARIZE))

    def _opened(self, node: Any, epoch: int) -> None:
        seat, keys = self.seat(node), self.keys[epoch]
        if len(keys) == 1 or len(seat.heard.get(epoch, ())) >= quorum_of(len(keys)) - 1:
            seat.is_open = True

    def _told(self, node: Any, vote: Vote) -> None:
        """Rule 11: never before it is on the disk."""
        seat, keys = self.seat(node), self.keys.get(vote.epoch, [])
        own = vote.witness < len(keys) and keys[vote.witness] == node.who.voting.public
        if not own or vote in seat.told:
            return
        if vote not in self.journal(node).values():
            raise Violation(f"{node.who.name} told a vote of view {vote.view} that is not on its disk")
        seat.told.add(vote)

    def _final(self, node: Any, effect: Commit) -> None:
        """Rule 9: a quorum finalized the last block."""
        certificate, last = read_certificate(effect.certificate), effect.step.blocks[-1].header
        if certificate.kind is not VoteKind.FINALIZE or certificate.block != last.id or not self.is_true(certificate):
            raise Violation(f"{node.who.name} took block {last.height} for final, which no quorum finalized")
        for block in effect.step.blocks:
            self.headers[block.header.id] = block.header
        for brought in (*(read_certificate(one) for _, one in effect.step.earlier), certificate):
            self._own_in(node, brought)
        if effect.step.head.epoch not in self.bases:
            self.bases[effect.step.head.epoch] = last.id

    def _own_in(self, node: Any, certificate: Certificate) -> None:
        """Rule 13: a vote of its own in a certificate that its journal does not hold, and has not pruned."""
        seat, keys = self.seat(node), self.keys[certificate.epoch]
        held = {(one.epoch, one.view, one.kind, one.block) for one in self.journal(node).values()}
        mark = (certificate.epoch, certificate.view, certificate.kind, certificate.block)
        own = any(keys[place] == node.who.voting.public for place, _ in certificate.votes)
        seat.must_stop |= own and mark not in held and certificate.view > seat.pruned(certificate.epoch)

    # -- what arrives

    def arriving(self, node: Any, source: bytes, message: Any) -> None:
        """A message is about to be heard."""
        if not isinstance(message, OwnVotes):
            return
        self._know(node)
        seat = self.seat(node)
        if (
            node.parts.core.ledger.orderer._replica is None
            or message.token != seat.token
            or message.epoch != node.parts.core.chain.head.epoch
        ):
            return
        if source in node.parts.core.ledger.neighbours.seats() and source != node.who.peer:
            seat.heard.setdefault(message.epoch, set()).add(source)
            self._opened(node, message.epoch)
        told, final = self._answers.get((source, node.who.peer), (None, 0))
        if told == message:
            seat.closed[message.epoch] = max(final, seat.closed.get(message.epoch, 0))
        place = node.parts.core.chain.place_of(node.who.member)
        for vote in map(vote_from_value, message.votes):
            mark = (vote.epoch, vote.view, vote.kind, vote.block)
            if vote.witness == place and place in self.cast.get(mark, set()):
                if not self._is_signed(node, vote):
                    # Damaged on its way: nothing of the message counts from there on.
                    return
                seat.reminded.add(vote)
                is_above = vote.epoch == message.epoch and vote.view > node.parts.core.ledger.orderer._replica.floor
                is_lost = is_above and vote not in self.journal(node).values() and vote.view > seat.pruned(vote.epoch)
                seat.must_stop |= is_lost and source not in self.liars

    def _is_signed(self, node: Any, vote: Vote) -> bool:
        message = vote_id(node.parts.core.chain.network, vote.epoch, vote.view, vote.kind, vote.block)
        return verify(self.keys[vote.epoch][vote.witness], message, vote.signature)

    def arrived(self, node: Any, message: Any) -> None:
        """A message was heard, and the machine has outlived it: what convicts somebody in it must be recorded."""
        replica = node.parts.core.ledger.orderer._replica
        if not isinstance(message, Voted) or replica is None or node.who.peer in self.liars | self.restored:
            return
        epoch, keys, guilty = replica.epoch, self.keys[replica.epoch], self._guilty_keys
        for vote in map(vote_from_value, message.votes):
            is_counted = vote.epoch == epoch and replica.floor - SEEN_PAST < vote.view <= replica.view + SEEN_AHEAD_MAX
            if not is_counted or vote.witness >= len(keys) or keys[vote.witness] not in guilty:
                continue
            if vote.witness not in self.cast.get((vote.epoch, vote.view, vote.kind, vote.block), set()):
                continue
            seen = self.seat(node).seen.setdefault((vote.epoch, vote.view, vote.witness), [])
            if any(conflict(vote, other) for other in seen):
                self.owed.setdefault(keys[vote.witness], node.who.name)
            seen.append(vote)
