"""What a witness does in its current view: propose where it leads, notarize, give up (SPEC V-15, V-16, V-18)."""

from __future__ import annotations

from ledger.block import Block
from ledger.consensus.book import Book, Moment
from ledger.consensus.tree import Verdict
from ledger.consensus.votes import VoteKind, faulty_max, quorum
from ledger.consensus.words import Certificates, Proposal

DEPTH_MAX = 8
"""Blocks above the last final one before a leader only carries: finality that is stuck fills no memory."""
JUSTIFICATION_MAX = 64
"""Certificates sent along with a proposal, or in one answer; the rest on request."""


def propose(book: Book, now: Moment) -> None:
    """V-15: once per view, a new block on the tip, or the tip again where only that can make it final."""
    if book.leader(book.view) != book.place or book.led >= book.view:
        return
    base = book.tree.base
    tip = book.views.tip(book.view, base)
    if tip is None:
        book.repair.want_views(book.views.gap(book.view, JUSTIFICATION_MAX))
        return
    at, block_id = tip
    if not _is_executed(book, block_id):
        return
    is_final = block_id == base
    block: Block | None = None
    if (is_final or not book.tree.closes(block_id)) and book.tree.depth(block_id) < DEPTH_MAX:
        block = book.tree.build(block_id, book.view, now.wall_ms)
    if block is None and (is_final or not _must_carry(book, at, block_id, now)):
        return
    vote = book.sign(book.view, VoteKind.NOTARIZE, block_id if block is None else block.header.id)
    if vote is None:
        return
    book.led = book.view
    proposal = Proposal(vote=vote, block=block)
    book.proposed[book.view] = proposal
    if block is not None:
        book.out.blocks.append(block)
    if shown := book.views.justification(at, book.view, JUSTIFICATION_MAX):
        book.tell(None, Certificates(certificates=tuple(shown)))
    book.tell(None, proposal)
    book.count(vote, now)


def _is_executed(book: Book, block_id: bytes) -> bool:
    """Whether a block is final or valid here; asks for what is missing, and stops where a quorum was wrong."""
    if block_id == book.tree.base:
        return True
    verdict = book.tree.judge(block_id)
    if verdict is Verdict.MISSING:
        book.repair.want_blocks(book.tree.missing(block_id))
    if verdict is Verdict.INVALID:
        book.stop("a quorum notarized a block that breaks the rules")
    return verdict is Verdict.VALID


def _must_carry(book: Book, at: int, block_id: bytes, now: Moment) -> bool:
    """Whether the tip's finality needs another view: at once where it cannot come any more, else after a while."""
    given_up = len(book.tally.of(at, VoteKind.NULLIFY))
    hopeless = given_up > len(book.keys) - quorum(len(book.keys))
    return hopeless or book.tree.closes(block_id) or now.monotonic_ms >= book.pace.carry_ms()


def notarize(book: Book, now: Moment) -> None:
    """V-16: at most one N, for the proposal of the current view's leader."""
    proposal, signer = book.proposed.get(book.view), book.signer
    if proposal is None or signer is None or signer.has_cast(book.view, VoteKind.NOTARIZE):
        return
    if book.refused_view == book.view or not _is_acceptable(book, proposal, now):
        return
    view = book.view
    if proposal.block is not None:
        book.out.blocks.append(proposal.block)
    # The leader's vote goes along: whoever was shown another block has both, and they convict the leader (V-14).
    is_cast = book.cast(view, VoteKind.NOTARIZE, proposal.vote.block, now, proposal.vote)
    if proposal.block is None:
        return
    if is_cast:
        # Only now: a liar's block that gets no vote would else leave what it likes in every witness's pool.
        book.tree.signed_for(proposal.vote.block)
    else:
        book.out.blocks.remove(proposal.block)


def _is_acceptable(book: Book, proposal: Proposal, now: Moment) -> bool:
    tree, block_id, block = book.tree, proposal.vote.block, proposal.block
    below = block_id if block is None else block.header.parent
    if book.views.stands_on(book.view, below, tree.base) is None:
        book.repair.want_views(book.views.gap(book.view, JUSTIFICATION_MAX))
        return False
    if block_id == tree.base:
        return True
    verdict = tree.judge(block_id)
    if verdict is Verdict.MISSING:
        book.repair.want_blocks(tree.missing(block_id))
        return False
    is_wrong = verdict is Verdict.INVALID
    if block is not None and not is_wrong:
        # No block stands on one that closes the epoch before that one is final.
        is_wrong = (below != tree.base and tree.closes(below)) or tree.is_too_long(block_id)
        if not is_wrong and not tree.is_timely(block_id, now.wall_ms):
            is_wrong = True
            book.untimely += 1
    if is_wrong:
        book.refused_view = book.view
        return False
    book.untimely = 0
    return True


def give_up(book: Book, now: Moment) -> None:
    """V-18: X when the view's time is over, or at once where its leader is known to be silent."""
    has_proposal = book.view in book.proposed
    leader = book.leader(book.view)
    is_overdue = now.monotonic_ms >= book.pace.give_up_ms(has_proposal=has_proposal)
    if not is_overdue and not has_proposal and leader != book.place:
        is_overdue = book.pace.is_silent(leader, book.view, faulty_max(len(book.keys)))
    if is_overdue:
        book.cast(book.view, VoteKind.NULLIFY, b"", now)


def has_given_up(book: Book) -> bool:
    """Whether the current view's X is cast: no timer of it is left."""
    return book.signer is not None and book.signer.has_cast(book.view, VoteKind.NULLIFY)
