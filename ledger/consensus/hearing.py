"""What a witness makes of the others' words (SPEC V-12, V-19 to V-21).

Each vote and certificate is checked, whoever brings it; each answer is bounded.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import assert_never

from ledger.consensus.book import Book, Moment
from ledger.consensus.deciding import JUSTIFICATION_MAX
from ledger.consensus.tally import VIEWS_AHEAD_MAX
from ledger.consensus.votes import BadCertificate, Certificate, Vote, VoteKind, check_certificate, votes_of
from ledger.consensus.words import (
    Ask,
    AskOwn,
    Bodies,
    Certificates,
    Heard,
    Own,
    PeerName,
    Proposal,
    Standing,
    Votes,
)

PROPOSALS_AHEAD_MAX = 8
"""Proposals are kept for so many views beyond the current one: a megabyte each."""


def heard(book: Book, event: Heard, now: Moment) -> None:
    """Take one message in."""
    peer, word = event.peer, event.word
    match word:
        case Proposal():
            _proposal(book, word, now)
            _answer_behind(book, peer, word.vote.view, now)
        case Votes():
            _votes(book, word.votes, now)
            _answer_behind(book, peer, max((vote.view for vote in word.votes), default=book.view), now)
        case Certificates():
            _certificates(book, word.certificates, now)
        case Bodies():
            for block in word.blocks:
                if book.repair.wants(block.header.id) and block.header.epoch == book.epoch:
                    book.repair.got(block.header.id)
                    book.tree.add(block)
        case Ask():
            _answer(book, peer, word, now)
        case Standing():
            _standing(book, event, word, now)
        case AskOwn():
            if event.place is None or word.epoch != book.epoch:
                return
            if book.repair.may_answer(peer, "own", now.monotonic_ms, book.pace.delta_ms):
                book.tell(peer, _own_of(book, event.place, word.token))
        case Own():
            is_whole = _votes(book, word.votes, now) and _certificates(book, word.certificates, now)
            if not is_whole:
                # What stood behind the false one may be what matters: such an answer opens nothing.
                return
            if event.place is not None and event.place != book.place and word.epoch == book.epoch:
                book.barrier.answered(event.place, word.token)
        case _:
            assert_never(word)


def _proposal(book: Book, proposal: Proposal, now: Moment) -> None:
    """V-15: of the view's leader, rightly signed, for a view not over; the block is the one it names."""
    vote, block = proposal.vote, proposal.block
    if vote.kind is not VoteKind.NOTARIZE or vote.witness != book.leader(vote.view) or vote.epoch != book.epoch:
        return
    if vote.view < book.view:
        # Too late to be judged, and not too late to convict a leader that showed another block before (V-14).
        _vote(book, vote, now)
        return
    if vote.view > book.view + PROPOSALS_AHEAD_MAX:
        return
    if block is not None:
        header = block.header
        if (header.network, header.epoch, header.view, header.id) != (
            book.network,
            book.epoch,
            vote.view,
            vote.block,
        ):
            return
    if not (book.tally.has(vote) or book.tally.is_signed(vote)):
        return
    if vote.view not in book.proposed:
        book.proposed[vote.view] = proposal
        if block is not None:
            book.tree.add(block)
    _vote(book, vote, now)


def _votes(book: Book, votes: Iterable[Vote], now: Moment) -> bool:
    """The first that is wrongly signed ends the message: nobody honest hands such a one on. Whether there was none."""
    return all(_vote(book, vote, now) for vote in votes)


def _vote(book: Book, vote: Vote, now: Moment) -> bool:
    """V-12: in this epoch, not long past, not far ahead, not known, rightly signed; False where it is not.

    One of a view that is final counts no more, but may convict whoever signed it (V-14).
    """
    if vote.epoch != book.epoch or book.tally.is_forgotten(vote.view, book.view) or book.tally.has(vote):
        return True
    is_past = book.tally.is_past(vote.view, book.view)
    is_ahead = vote.view > book.view + VIEWS_AHEAD_MAX
    # One of our own is looked at however far ahead: a journal put back is as far behind as it is old.
    if not is_ahead or vote.witness == book.place:
        if not book.tally.is_signed(vote):
            return False
        if not is_past:
            book.check_own(vote)
    if is_ahead:
        book.repair.want_views([vote.view - 1])
        return True
    if not is_past:
        book.pace.saw(vote.witness, vote.view)
    book.count(vote, now)
    return True


def _certificates(book: Book, certificates: Iterable[Certificate], now: Moment) -> bool:
    """V-3: each is checked, one's own signature in it like any other; the first false one ends the message.

    Whether there was none.
    """
    for certificate in certificates:
        if certificate.epoch != book.epoch:
            continue
        is_near = certificate.view <= book.view + VIEWS_AHEAD_MAX
        if book.views.knows(certificate):
            # It says nothing new; one of its votes may.
            if is_near and not all(_vote(book, vote, now) for vote in votes_of(certificate)):
                return False
            continue
        try:
            check_certificate(certificate, book.network, book.epoch, book.keys)
        except BadCertificate:
            return False
        for vote in votes_of(certificate):
            book.check_own(vote)
            if is_near and not book.tally.is_past(vote.view, book.view):
                # Who showed one block to us and another to the others is convicted by their certificate.
                book.weigh(vote)
        book.certified(certificate, now)
    return True


def _own_of(book: Book, place: int, token: int) -> Own:
    """Everything seen of one witness above the floor, the newest where it is too much."""
    known = [*book.views.notarized.values(), *book.views.nullified.values()]
    shown = [one for one in known if any(at == place for at, _ in one.votes)]
    shown = sorted(shown, key=lambda one: one.view)[-JUSTIFICATION_MAX:]
    votes = sorted(book.tally.by(place), key=lambda vote: vote.view)[-3 * JUSTIFICATION_MAX :]
    final = book.views.final or book.last_final
    certificates = (*shown, *latest(book)) if final is None else (*shown, final, *latest(book))
    return Own(epoch=book.epoch, token=token, votes=tuple(votes), certificates=certificates[-JUSTIFICATION_MAX:])


def _standing(book: Book, event: Heard, word: Standing, now: Moment) -> None:
    if word.epoch != book.epoch:
        return
    if event.place is not None:
        book.pace.known(event.place, book.view)
    if word.view > book.view:
        book.repair.want_views([word.view - 1])
    elif word.view < book.view or word.floor < book.views.floor:
        _answer_behind(book, event.peer, min(word.view, word.floor + 1), now)


def _answer_behind(book: Book, peer: PeerName, view: int, now: Moment) -> None:
    """V-20: whoever speaks of an earlier view is told how it ended and where we are, once in a while."""
    if view >= book.view:
        return
    if not book.repair.may_answer(peer, "behind", now.monotonic_ms, book.pace.delta_ms):
        return
    shown = latest(book)
    if (ended := book.views.ended(view)) is not None and ended not in shown:
        shown.append(ended)
    if shown:
        book.tell(peer, Certificates(certificates=tuple(shown)))


def latest(book: Book) -> list[Certificate]:
    """What brings somebody here: the highest finalization, and the end of the view before this one."""
    final = book.views.final or book.last_final
    ended = book.views.ended(book.view - 1)
    return [one for one in (final, ended) if one is not None]


def _answer(book: Book, peer: PeerName, ask: Ask, now: Moment) -> None:
    if ask.epoch != book.epoch:
        return
    if not book.repair.may_answer(peer, "ask", now.monotonic_ms, book.pace.delta_ms):
        return
    shown = [one for view in ask.views for one in book.views.of(view)]
    if ask.views:
        book.tell(peer, Certificates(certificates=tuple((*latest(book), *shown)[:JUSTIFICATION_MAX])))
    for block_id in ask.blocks:
        if (block := book.tree.block(block_id)) is not None:
            book.tell(peer, Bodies(blocks=(block,)))


def standing(book: Book) -> Standing:
    """Where we stand."""
    return Standing(epoch=book.epoch, view=book.view, floor=book.views.floor, is_working=book.is_working)


def say_all(book: Book, peer: PeerName | None) -> None:
    """V-19: what may have been lost, again: where we are, our proposal, our votes that may still count."""
    shown = latest(book)
    if shown:
        book.tell(peer, Certificates(certificates=tuple(shown)))
    proposal = book.proposed.get(book.view)
    if proposal is not None and proposal.vote.witness == book.place:
        book.tell(peer, proposal)
    if book.signer is not None and book.may_vote:
        own = {(one.view, one.kind): one for one in (*book.signer.of_view(book.view), *book.signer.finalizes())}
        votes = sorted(own.values(), key=lambda vote: vote.view)[-JUSTIFICATION_MAX:]
        if votes:
            book.tell(peer, Votes(votes=tuple(votes)))


def ask_own(book: Book) -> None:
    """V-21: before the first vote after a start."""
    if not book.barrier.is_open:
        book.tell(None, AskOwn(epoch=book.epoch, token=book.barrier.token))
