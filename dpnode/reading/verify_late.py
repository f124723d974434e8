"""Verifies what is here of a ledger whose first blocks are not: a node that began with a snapshot has no replay.

Trusted is the charter alone. The stored state leads to the root of the newest block, which its witnesses signed, they
by the chain of epochs; from that block down to the oldest one here every block is named by the one above. Checked are
besides all certificates, entries roots and signatures. That the rules give each outcome, only a replay from height 0
can tell, at a member that has all blocks.
"""

from __future__ import annotations

import time
from typing import Any

from dpnode.reading.blocks import batches, wrong
from dpnode.reading.proof import certified_at
from dpnode.reading.source import Asks, HeadSeen, Report, drive
from dpnode.store import questions
from dpnode.store.rows import ServedBlock
from ledger.block import Block, Header
from ledger.canonical import decode
from ledger.chain import Chain
from ledger.consensus.votes import VoteKind, check_certificate, read_certificate
from ledger.errors import RemoteError
from ledger.fold import is_fully_signed
from ledger.keys import PublicKey
from ledger.names import Kind, short
from ledger.proof import WITNESSES_KEY, check
from ledger.proof_making import Certified, prove_pair
from ledger.snapshot import Gathering


def verify_late(reading: Asks, founded: Chain, head: HeadSeen, begins: int, report: Report) -> dict[str, Any]:
    """As `verify.verify`, from the block at `begins` on, which the answer names as "from"."""
    began_ms = time.monotonic_ns() // 1_000_000
    certified = _head(reading, founded, head)
    voters = _voters(founded, certified)
    below: Header | None = None
    entries = 0
    for batch in batches(reading, head.height, begins):
        for served, block in batch:
            _link(below, block.header)
            _certificate(founded, voters, served, block)
            _listed(reading, block)
            below = block.header
            entries += len(block.entries)
        report({"text": "checking the ledger", "done": batch[-1][0].height, "of": head.height})
    if below is None or below.id != head.block or entries != head.entries:
        raise wrong(head.height, f"the database names another head than block {head.height}")
    return {
        "from": begins,
        "height": head.height,
        "entries": entries,
        "root": head.state_root,
        "took_ms": time.monotonic_ns() // 1_000_000 - began_ms,
    }


def _head(reading: Asks, founded: Chain, head: HeadSeen) -> Certified:
    """The newest block, shown by the charter alone, with the stored state as the one it names."""
    gathered = Gathering()
    chunk = reading.ask(questions.state_chunk(None))
    try:
        while chunk:
            for key, value in chunk:
                gathered.add(key, value)
            chunk = reading.ask(questions.state_chunk(chunk[-1][0]))
        if reading.ask(questions.certificate_from(head.height)) is None:
            raise wrong(head.height, f"block {head.height}, the newest, has no certificate")
        certified, block = drive(reading, certified_at(head.height))
        if gathered.root != block.header.state_root or gathered.root != head.state_root:
            raise wrong(head.height, f"the stored state is not the one that block {head.height} names")
        check(prove_pair(certified, gathered.taken()), founded.charter)
    except RemoteError as problem:
        raise wrong(head.height, f"block {head.height} does not hold: {problem.reason}") from problem
    return certified


def _voters(founded: Chain, certified: Certified) -> dict[int, list[PublicKey]]:
    """The voting keys of every epoch, as the chain of epochs shows them."""
    voters = {1: founded.voting_keys}
    for number, end in enumerate(certified.epochs, 2):
        named = decode(dict(decode(end)["bucket"]["pairs"])[WITNESSES_KEY])
        voters[number] = [PublicKey(one["key"]) for one in named["list"]]
    return voters


def _link(below: Header | None, header: Header) -> None:
    if below is not None and (header.parent, header.height) != (below.id, below.height + 1):
        raise wrong(header.height, f"block {header.height} does not follow block {below.height}")


def _certificate(founded: Chain, voters: dict[int, list[PublicKey]], served: ServedBlock, block: Block) -> None:
    height, header = served.height, block.header
    try:
        if served.certificate is not None:
            certificate = read_certificate(served.certificate)
            if certificate.kind is not VoteKind.FINALIZE or certificate.block != header.id:
                raise wrong(height, f"the certificate beside block {height} finalizes something else")
            check_certificate(certificate, founded.network, header.epoch, voters.get(header.epoch, []))
    except RemoteError as problem:
        raise wrong(height, f"block {height} does not hold: {problem.reason}") from problem
    for entry in block.entries:
        if not is_fully_signed(entry):
            raise wrong(height, f"block {height}: a signature of entry {short(Kind.ENTRY, entry.id)} is wrong")


def _listed(reading: Asks, block: Block) -> None:
    header = block.header
    listed = reading.ask(questions.block_at(header.height))
    if listed is None or (listed.id, listed.header, listed.time_ms) != (header.id, header.body, header.time_ms):
        raise wrong(header.height, f"the database lists block {header.height} as another than it holds")
