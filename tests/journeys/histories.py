"""A long ledger in a founder's home, made without a daemon: real entries and blocks, put straight into the store."""

from __future__ import annotations

from dpnode.founding import make_network
from dpnode.identity.words import root_seed
from dpnode.shelf import founding_commit, read_chain, read_founded, step_commit
from dpnode.store import questions
from dpnode.store.journal import open_journal
from dpnode.store.offline import Writing, writing
from dpnode.voting import floor_record
from ledger.chain import Chain
from ledger.consensus.votes import Certificate, VoteKind, sign_vote, write_certificate
from ledger.entry import sign_entry
from ledger.fold import last_sequence
from ledger.snapshot import Pair
from tests.journeys.nodes import Node

LIMITS = {"day_bytes": 10**15, "day_entries": 10**12}
HOUR_MS = 3_600_000
BLOCK_ENTRIES = 100
SENTENCE = "bread " * 80
"""What makes a credit large: 700 bytes of the state each."""


def opened_credits(node: Node, count: int) -> None:
    """Found a network at a home whose founder has opened so many credits; its daemon can be started afterwards."""
    with writing(node.home.database) as store:
        seed = root_seed(node.entropy, 0)
        founded = make_network(node.identity, name="Street", purpose="", root_seed=seed, limits=LIMITS)
        store.commit(founding_commit(founded))
    lengthen(node, count)


def lengthen(node: Node, count: int) -> None:
    """Let the only witness open so many more credits while its daemon is stopped."""
    key = node.identity.voting
    assert key is not None
    with writing(node.home.database) as store:
        chain = _chain(store)
        until_ms = chain.head.time_ms + HOUR_MS
        number = last_sequence(chain.state, node.identity.working.public)
        for first in range(number, number + count, BLOCK_ENTRIES):
            entries = [
                sign_entry(
                    node.identity.working,
                    chain.network,
                    one + 1,
                    until_ms,
                    {"decimals": 2, "redeemable": SENTENCE.strip(), "t": "credits.open/1", "unit": f"C{one}"},
                )
                for one in range(first, first + BLOCK_ENTRIES)
            ]
            view = chain.head.view + 1
            step = chain.build(entries, chain.head.time_ms + 1, view)
            assert step is not None and not step.left and not any(step.blocks[0].outcomes)
            vote = sign_vote(key, chain.network, chain.head.epoch, view, VoteKind.FINALIZE, step.head.block)
            signed = Certificate(
                epoch=chain.head.epoch, view=view, kind=VoteKind.FINALIZE, block=step.head.block, votes=((0, vote),)
            )
            store.commit(step_commit(chain, step, write_certificate(signed)))
            chain.take(step)
    with open_journal(node.home.votes, create=False) as (journal, _):
        # What a witness's journal holds after it was begun anew: nothing at or below this view is voted on again.
        journal.append([floor_record(chain.head.epoch, chain.head.view)])


def _chain(store: Writing) -> Chain:
    meta = store.ask(questions.meta())
    founded = read_founded(meta)
    assert founded is not None
    pairs, chunk = list[Pair](), store.ask(questions.state_chunk(None))
    while chunk:
        pairs += chunk
        chunk = store.ask(questions.state_chunk(chunk[-1][0]))
    return read_chain(founded.charter, meta, pairs)
