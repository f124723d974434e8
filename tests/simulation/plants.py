"""Bugs to be planted in the cores, each a mistake somebody could make, so that the simulation is seen to find it.

Rare ones have directed faults: what they need to happen, happens in every seed. Source of the list: the pitfalls of
the rules, and each of their sentences left out once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import ledger.chain
import tests.simulation.cluster
from dpnode.store import journal
from dpnode.store.journal import Record
from ledger.branches import Branches
from ledger.consensus import barrier, deciding, hearing, tally
from ledger.consensus.barrier import Barrier
from ledger.consensus.book import Book, Out
from ledger.consensus.pace import Pace
from ledger.consensus.replica import Replica
from ledger.consensus.signer import Signer
from ledger.consensus.tally import Tally
from ledger.consensus.views import Views
from ledger.consensus.votes import BadCertificate, Vote, VoteKind, check_certificate, conflict, quorum
from protocol.messages import Blocks
from protocol.replication.pool import Pool
from protocol.replication.waiting import Waiting
from tests.simulation.memo import Patch
from tests.simulation.misrule import MISRULE
from tests.simulation.plant import Plant, words


def quorum_one_too_small(patch: Patch) -> None:
    """A certificate needs one vote fewer than it should."""
    for module in (barrier, deciding, tally, ledger.consensus.votes):
        patch.setattr(module, "quorum", lambda n: max(1, quorum(n) - 1))


def told_before_durable(patch: Patch) -> None:
    """A vote is told before it is in the journal."""
    effects = Out.effects

    def turned(self: Out) -> list[Any]:
        made = effects(self)
        return [*made[1:], made[0]] if self.votes else made

    patch.setattr(Out, "effects", turned)


def finalize_after_nullify(patch: Patch) -> None:
    """Whoever gave a view up finalizes in it all the same."""
    cast = Signer.cast

    def careless(self: Signer, view: int, kind: VoteKind, block: bytes = b"") -> Vote | None:
        before = self._cast.get(view, {})
        given_up = before.pop(VoteKind.NULLIFY, None) if kind is VoteKind.FINALIZE else None
        vote = cast(self, view, kind, block)
        if given_up is not None:
            self._cast.setdefault(view, {})[VoteKind.NULLIFY] = given_up
        return vote

    patch.setattr(Signer, "cast", careless)


def nullify_after_finalize(patch: Patch) -> None:
    """Whoever finalized in a view gives it up all the same."""
    certified = Book.certified

    def lingering(self: Book, certificate: Any, now: Any) -> None:
        certified(self, certificate, now)
        if certificate.kind is VoteKind.NOTARIZE and self.signer is not None:
            self.signer._cast.get(certificate.view, {}).pop(VoteKind.FINALIZE, None)
            self.cast(certificate.view, VoteKind.NULLIFY, b"", now)

    patch.setattr(Book, "certified", lingering)


def parent_not_notarized(patch: Patch) -> None:
    """A block is voted for wherever it stands."""
    patch.setattr(Views, "stands_on", lambda self, view, block, base: 0)


def barrier_missing(patch: Patch) -> None:
    """After a start a witness votes at once, whatever it may have signed before."""
    patch.setattr(Barrier, "look", lambda self, monotonic_ms, delta_ms: setattr(self, "is_open", True))


def answers_not_compared(patch: Patch) -> None:
    """What the others say of one's own votes is not compared with the journal."""
    patch.setattr(Book, "check_own", lambda self, vote: None)


def range_certificate_unchecked(patch: Patch) -> None:
    """Blocks that are fetched are taken on anybody's word."""
    patch.setattr(ledger.chain, "check_certificate", lambda *given: None)


def certificate_unchecked(patch: Patch) -> None:
    """A witness believes certificates without looking at the signatures."""
    patch.setattr(hearing, "check_certificate", lambda *given: None)


def own_signature_exempt(patch: Patch) -> None:
    """A certificate's signature in one's own name is not looked at."""
    certificates = hearing._certificates

    def exempt(book: Book, given: Any, now: Any) -> None:
        def check(certificate: Any, network: bytes, epoch: int, keys: Any) -> None:
            others = tuple(vote for vote in certificate.votes if vote[0] != book.place)
            if len(others) == len(certificate.votes):
                check_certificate(certificate, network, epoch, keys)
                return
            for place, signature in others:
                vote = Vote(
                    epoch=epoch,
                    view=certificate.view,
                    kind=certificate.kind,
                    block=certificate.block,
                    witness=place,
                    signature=signature,
                )
                if not book.tally.is_signed(vote) or len(certificate.votes) < quorum(len(keys)):
                    raise BadCertificate("another's signature is wrong")

        patch.setattr(hearing, "check_certificate", check)
        certificates(book, given, now)

    patch.setattr(hearing, "_certificates", exempt)


def loose_votes_unchecked(patch: Patch) -> None:
    """A vote counts for whoever it names."""
    patch.setattr(Tally, "is_signed", lambda self, vote: 0 <= vote.witness < len(self._keys))


def journal_not_replayed(patch: Patch) -> None:
    """A start takes nothing back from the journal."""
    patch.setattr(Replica, "restore", lambda self, **kept: None)


def votes_twice(patch: Patch) -> None:
    """A second proposal of the same leader is voted for as well."""
    heard = hearing._proposal

    def again(book: Book, proposal: Any, now: Any) -> None:
        known = book.proposed.get(proposal.vote.view)
        if known is not None and known.vote.block != proposal.vote.block and book.signer is not None:
            del book.proposed[proposal.vote.view]
            book.signer._cast.get(proposal.vote.view, {}).pop(VoteKind.NOTARIZE, None)
        heard(book, proposal, now)

    patch.setattr(hearing, "_proposal", again)


def no_carry(patch: Patch) -> None:
    """A block that is notarized and not final is never proposed again."""
    patch.setattr(deciding, "_must_carry", lambda *given: False)


def innocents_convicted(patch: Patch) -> None:
    """Notarizing one block and finalizing another counts as evidence."""

    def harsh(one: Vote, two: Vote) -> bool:
        kinds = {one.kind, two.kind} == {VoteKind.NOTARIZE, VoteKind.FINALIZE}
        is_pair = kinds and (one.epoch, one.view) == (two.epoch, two.view) and one.block != two.block
        return is_pair or conflict(one, two)

    patch.setattr(tally, "conflict", harsh)


def evidence_dropped(patch: Patch) -> None:
    """Two votes that convict somebody are seen and nothing is said."""
    add = Tally.add
    patch.setattr(Tally, "add", lambda self, vote: (add(self, vote)[0], None))


def skip_uncapped(patch: Patch) -> None:
    """A leader without a proposal in time is skipped, however many there are of that kind."""
    heard = hearing._proposal

    def timely(book: Book, proposal: Any, now: Any) -> None:
        if proposal.vote.view == book.view and proposal.vote.witness == book.leader(book.view):
            book.pace._seen[proposal.vote.witness] = book.view
        heard(book, proposal, now)

    patch.setattr(hearing, "_proposal", timely)
    patch.setattr(Pace, "saw", lambda self, place, view: None)
    patch.setattr(Pace, "known", lambda self, place, view: None)
    patch.setattr(Pace, "is_silent", lambda self, place, view, most: self._seen.get(place, 0) < view - self._witnesses)


def orphans_forgotten(patch: Patch) -> None:
    """The entries of a proposed block wait no more, though it may never be final."""
    build = Branches.build

    def taking(self: Branches, parent: bytes, view: int, wall_ms: int) -> Any:
        block = build(self, parent, view, wall_ms)
        if block is not None and isinstance(self._pending, Waiting):
            pool: Pool = self._pending._pool
            for entry in block.entries:
                pool._remove(entry.id)
        return block

    patch.setattr(Branches, "build", taking)


def clock_unchecked(patch: Patch) -> None:
    """A block's time is not compared with one's own clock."""
    patch.setattr(Branches, "is_timely", lambda self, block, wall_ms: True)


def body_unchecked(patch: Patch) -> None:
    """A proposed block is voted for whatever it says of the state."""
    run = ledger.chain.Chain.try_block

    def lenient(self: Any, parent: Any, block: Any) -> Any:
        try:
            return run(self, parent, block)
        except ledger.chain.BadRange:
            made = self.make(parent, block.entries, block.header.time_ms, block.header.view)
            if made is None:
                raise
            return replace(made.branch, block=block)

    patch.setattr(ledger.chain.Chain, "try_block", lenient)


def no_repair(patch: Patch) -> None:
    """No justification with a proposal, no certificate in answer, nothing said again: one of them would be enough."""
    patch.setattr(Views, "justification", lambda self, tip_view, view, most: [])
    patch.setattr(hearing, "_answer_behind", lambda *given: None)
    patch.setattr(hearing, "_answer", lambda *given: None)
    patch.setattr(hearing, "say_all", lambda book, peer: None)


def _as_if_nothing_closed(rule: Callable[..., Any]) -> Callable[..., Any]:
    def blind(book: Book, *given: Any) -> Any:
        book.tree.closes = lambda block_id: False  # type: ignore[method-assign]
        try:
            return rule(book, *given)
        finally:
            del book.tree.closes

    return blind


def closing_block_built_on(patch: Patch) -> None:
    """A leader proposes a block on one that changes the witnesses before that one is final."""
    patch.setattr(deciding, "propose", _as_if_nothing_closed(deciding.propose))


def child_of_closing_block_voted_for(patch: Patch) -> None:
    """A block on one that changes the witnesses is voted for before that one is final."""
    patch.setattr(deciding, "_is_acceptable", _as_if_nothing_closed(deciding._is_acceptable))


def old_set_goes_on(patch: Patch) -> None:
    """After a change of witnesses the list of before still counts."""
    patch.setattr(ledger.chain, "_closes", lambda before, changes: False)


def ranges_beyond_an_epoch(patch: Patch) -> None:
    """Blocks of several epochs are served under the last one's certificate."""

    def uncut(start: int, found: Any, height: int) -> Blocks:
        while found and found[-1].certificate is None:
            found = found[:-1]
        certificate = found[-1].certificate if found else b""
        return Blocks(start=start, blocks=[block.body for block in found], certificate=certificate, height=height)

    patch.setattr(tests.simulation.cluster, "served_range", uncut)


def own_vote_not_counted_again(patch: Patch) -> None:
    """After a start one's own votes from the journal are not counted: nobody else may know of them."""
    taken_back = Replica._restore_vote

    def uncounted(self: Replica, vote: Vote) -> None:
        add, self._book.tally.add = self._book.tally.add, lambda vote: (None, None)  # type: ignore[method-assign]
        taken_back(self, vote)
        self._book.tally.add = add  # type: ignore[method-assign]

    patch.setattr(Replica, "_restore_vote", uncounted)


def torn_batch_kept(patch: Patch) -> None:
    """Of a write to the journal that the power ended, the records that are whole count."""
    read = journal.replay

    def lenient(data: bytes, path: str) -> list[Record]:
        kept = read(data, path)
        salt = data[: journal._START][-journal.SALT_BYTES :]
        at, found = journal._beginning(salt), list[Record]()
        while frame := journal._header_at(salt, data, at.offset):
            text = data[frame.offset : frame.end - journal._CHECK_BYTES]
            at = journal._following(at, text)
            if data[at.offset - journal._CHECK_BYTES : at.offset] != at.chain[: journal._CHECK_BYTES]:
                break
            if frame.kind != journal._SEAL:
                found.append(Record(frame.kind, text[journal._HEADER_BYTES :]))
        return found if len(found) > len(kept) else kept

    patch.setattr(journal, "replay", lenient)


def pace_fixed(patch: Patch) -> None:
    """A view is given up after the same time, however slow disks and links are."""
    patch.setattr(Pace, "ended", lambda self, *, in_vain: None)


SILENT = words("liar unsaid")
"""Three of four can only agree together, and what one of them had signed it alone knows."""

FORGED = words("forged-certificates")

PLANTS = {
    plant.name: plant
    for plant in (
        Plant(put=quorum_one_too_small, seed=0),
        Plant(put=told_before_durable, seed=0),
        Plant(put=finalize_after_nullify, seed=0),
        Plant(put=nullify_after_finalize, seed=0),
        Plant(put=parent_not_notarized, seed=4, witnesses=4, faults=words("liar loss"), tricks=words("old-parent")),
        Plant(put=barrier_missing, seed=0),
        Plant(put=answers_not_compared, seed=3, witnesses=4, faults=words("old-disk loss delay partition")),
        Plant(put=range_certificate_unchecked, seed=16),
        Plant(put=certificate_unchecked, seed=1),
        Plant(put=own_signature_exempt, seed=12, witnesses=4, faults=words("liar"), tricks=FORGED),
        Plant(put=loose_votes_unchecked, seed=9),
        Plant(put=journal_not_replayed, seed=0),
        Plant(put=votes_twice, seed=7, witnesses=4, faults=words("liar"), tricks=words("old-parent")),
        Plant(put=no_carry, seed=1),
        Plant(put=innocents_convicted, seed=48, witnesses=4, faults=words("liar reordering")),
        Plant(put=evidence_dropped, seed=0, witnesses=4, faults=words("liar")),
        Plant(put=skip_uncapped, seed=41, witnesses=4, faults=words("delay loss slow-disk")),
        Plant(put=orphans_forgotten, seed=1),
        Plant(put=clock_unchecked, seed=0, witnesses=4, faults=words("jump skew")),
        Plant(put=body_unchecked, seed=3, witnesses=4, faults=words("liar"), tricks=words("wrong-block")),
        Plant(put=no_repair, seed=1),
        Plant(put=closing_block_built_on, seed=0, witnesses=4, faults=words("seats loss delay")),
        Plant(
            put=child_of_closing_block_voted_for,
            seed=4,
            witnesses=4,
            faults=words("liar seats loss delay"),
            tricks=words("early-child"),
        ),
        Plant(put=old_set_goes_on, seed=0),
        Plant(put=ranges_beyond_an_epoch, seed=0),
        Plant(
            put=own_vote_not_counted_again,
            seed=23,
            witnesses=4,
            faults=words("liar unsaid"),
            tricks=words("silence"),
        ),
        Plant(put=torn_batch_kept, seed=0, witnesses=4, faults=words("torn crash slow-disk")),
        Plant(put=pace_fixed, seed=26, witnesses=4, faults=words("slow-disk delay")),
        *MISRULE,
    )
}
"""By name."""
