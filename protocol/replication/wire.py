"""Between the replica's words and the messages that carry them."""

from __future__ import annotations

from typing import Any, assert_never

from ledger.block import read_block, write_block
from ledger.consensus.tree import Tree
from ledger.consensus.votes import Certificate, read_certificate, vote_from_value, vote_to_value, write_certificate
from ledger.consensus.words import (
    Ask,
    AskOwn,
    Bodies,
    Certificates,
    Own,
    Proposal,
    Standing,
    Votes,
    Word,
)
from protocol.messages import AskOwnVotes, AskViews, Body, Certified, Ordering, OwnVotes, Proposed, Stands, Voted


def to_message(word: Word) -> Ordering:
    """The message that carries a word; of bodies, the first."""
    match word:
        case Proposal():
            block = None if word.block is None else write_block(word.block)
            return Proposed(vote=vote_to_value(word.vote), block=block)
        case Votes():
            return Voted(votes=[vote_to_value(vote) for vote in word.votes])
        case Certificates():
            return Certified(certificates=[write_certificate(one) for one in word.certificates])
        case Bodies():
            return Body(block=write_block(word.blocks[0]))
        case Ask():
            return AskViews(epoch=word.epoch, views=list(word.views), blocks=list(word.blocks))
        case Standing():
            return Stands(epoch=word.epoch, floor=word.floor, view=word.view, works=word.is_working)
        case AskOwn():
            return AskOwnVotes(epoch=word.epoch, token=word.token)
        case Own():
            return OwnVotes(
                certificates=[write_certificate(one) for one in word.certificates],
                epoch=word.epoch,
                token=word.token,
                votes=[vote_to_value(vote) for vote in word.votes],
            )
        case _:
            assert_never(word)


def to_word(message: Ordering, tree: Tree) -> Word:
    """The word in a message; a body that is here already is not read again.

    Raises `NotCanonical`, `Malformed` or `BadCertificate`.
    """
    match message:
        case Proposed():
            vote = vote_from_value(message.vote)
            known = None if message.block is None else tree.block(vote.block)
            block = known if known is not None or message.block is None else read_block(message.block)
            return Proposal(vote=vote, block=block)
        case Voted():
            return Votes(votes=tuple(vote_from_value(vote) for vote in message.votes))
        case Certified():
            return Certificates(certificates=tuple(read_certificate(one) for one in message.certificates))
        case Body():
            return Bodies(blocks=(read_block(message.block),))
        case AskViews():
            return Ask(epoch=message.epoch, views=tuple(message.views), blocks=tuple(message.blocks))
        case Stands():
            return Standing(epoch=message.epoch, view=message.view, floor=message.floor, is_working=message.works)
        case AskOwnVotes():
            return AskOwn(epoch=message.epoch, token=message.token)
        case OwnVotes():
            return Own(
                epoch=message.epoch,
                token=message.token,
                votes=tuple(vote_from_value(vote) for vote in message.votes),
                certificates=tuple(read_certificate(one) for one in message.certificates),
            )
        case _:
            assert_never(message)


def votes_in(message: Ordering) -> list[dict[str, Any]]:
    """The loose votes in a message, as they travel."""
    match message:
        case Proposed():
            return [message.vote]
        case Voted() | OwnVotes():
            return list(message.votes)
        case _:
            return []


def certificates_in(message: Ordering) -> list[Certificate]:
    """The certificates in a message, not yet checked; raises `NotCanonical`, `Malformed` or `BadCertificate`."""
    found = message.certificates if isinstance(message, Certified | OwnVotes) else []
    return [read_certificate(one) for one in found]


def epoch_of(message: Ordering) -> int | None:
    """The epoch a message speaks of; None for a body, which is taken by its id."""
    match message:
        case Proposed():
            return int(message.vote["epoch"])
        case Voted():
            return int(message.votes[0]["epoch"])
        case Certified():
            return None
        case Body():
            return None
        case AskViews() | Stands() | AskOwnVotes() | OwnVotes():
            return message.epoch
        case _:
            assert_never(message)
