"""Makes a proof that a stranger can check offline: of a balance, of a share, or of an entry and its outcome.

The state of an older block is not kept, so what somebody owns is shown at the newest block; an entry is shown in the
block it stands in, however old. A running node has the whole state in memory; with the daemon stopped all of it is read
once, since a proof needs hashes over its whole.
"""

from __future__ import annotations

from typing import Any

from dpnode.control.questions.ledger import LedgerProve
from dpnode.errors import FailKind, Problem
from dpnode.reading.naming import asset_meant, credit_meant, id_beginning, member_meant
from dpnode.reading.source import Asking, Source
from dpnode.shelf import KEPT_EPOCH_END
from dpnode.store import questions
from ledger import queries
from ledger.block import Block, read_block, read_triple
from ledger.names import Kind, matches, short, show_id
from ledger.operations.accounts import KINDS
from ledger.proof import ABOVE_MAX, PROOF_BYTES_MAX
from ledger.proof_making import Certified, prove_entry, prove_pair, take
from ledger.state import State

WHAT = ("balance", "share", "entry")
_NEAR = 64
"""Entries looked at for the beginning of an id; more would not be told apart anyway."""


def prove(source: Source, question: LedgerProve) -> Asking[dict[str, Any]]:
    """{"proof", "bytes", "height", "what", "id"}; raises `Problem`."""
    if question.what not in WHAT:
        raise Problem(FailKind.USAGE, f"{', '.join(WHAT[:-1])} or {WHAT[-1]} can be proved")
    if question.what == "entry":
        height, identity, proof = yield from _entry(source, question.id)
    else:
        height, identity, proof = yield from _holding(source, question)
    if len(proof) > PROOF_BYTES_MAX:
        raise Problem(
            FailKind.FAILED, f"the proof would have {len(proof):,} bytes; at most {PROOF_BYTES_MAX:,} are read"
        )
    return {"what": question.what, "id": identity, "height": height, "bytes": len(proof), "proof": proof}


def _holding(source: Source, question: LedgerProve) -> Asking[tuple[int, str, bytes]]:
    """What a member has of one thing now, were it nothing."""
    view = source.view
    height = source.head.height if source.state_height is None else source.state_height
    if height == 0:
        raise Problem(FailKind.REFUSED, "there is no block yet, and only what stands in one can be proved")
    member = member_meant(view, question.member, source.me)
    if question.what == "share":
        kind, written, thing = "units", Kind.ASSET, asset_meant(view, question.id or "").id
    else:
        kind, written, thing = "credit", Kind.CREDIT, _credit(source, member, question.id)
    key = b"holding/" + member + KINDS[kind] + thing
    # Taken in this very moment: while the disk is asked for the rest, the state of a running node goes on.
    state = view if isinstance(view, State) else (yield from _loaded())
    taken = take(state, key)
    made = yield from _made(thing)
    certified, _ = yield from certified_at(height)
    return height, show_id(written, thing), prove_pair(certified, taken, made=made)


def _credit(source: Source, member: bytes, text: str | None) -> bytes:
    """The credit that is named, or the only one the member has."""
    if text is not None:
        unit, _, issuer = text.partition("@")
        return credit_meant(source.view, unit, issuer).id
    held = [one.thing for one in queries.accounts_of(source.view, member) if one.kind == "credit"]
    if len(held) != 1:
        raise Problem(
            FailKind.USAGE, f"the member has {len(held)} credits; name one with --credit, such as EUR@founder"
        )
    return held[0]


def _loaded() -> Asking[State]:
    """The whole state from the disk."""
    pairs: list[tuple[bytes, bytes]] = []
    chunk = yield questions.state_chunk(None)
    while chunk:
        pairs += chunk
        chunk = yield questions.state_chunk(chunk[-1][0])
    return State(pairs)


def _entry(source: Source, text: str | None) -> Asking[tuple[int, str, bytes]]:
    """An entry, by its id or a beginning of it."""
    prefix = id_beginning(Kind.ENTRY, text or "")
    if not prefix:
        raise Problem(FailKind.USAGE, "name an entry by its id, ent-..., or the beginning of one")
    found = []
    for one in (yield questions.entries_like(prefix, _NEAR)):
        entry, _ = read_triple(one.content)
        if matches(Kind.ENTRY, text or "", entry.id):
            found.append((one, entry))
    if not found:
        sentence = f"there is no entry {(text or '')[:60]!r} here{source.lacking}"
        raise Problem(FailKind.NOT_FOUND, sentence, {"asked": (text or "")[:60]})
    if len(found) > 1:
        choices = ", ".join(short(Kind.ENTRY, entry.id) for _, entry in found[:8])
        raise Problem(
            FailKind.USAGE, f"{(text or '')[:60]!r} means more than one entry: {choices}", {"choices": choices}
        )
    one, entry = found[0]
    certified, block = yield from certified_at(one.height)
    return one.height, show_id(Kind.ENTRY, entry.id), prove_entry(certified, block, one.position)


def _made(thing: bytes) -> Asking[bytes]:
    """The bytes of the entry that made a thing; none where a node that began with a snapshot does not have it."""
    for one in (yield questions.entries_like(thing, _NEAR)):
        entry, _ = read_triple(one.content)
        if entry.id == thing:
            return entry.body
    return b""


def certified_at(height: int) -> Asking[tuple[Certified, Block]]:
    """A stored block and what shows that it is final: its own certificate, or one of a block not far above."""
    served = yield questions.blocks(height, 1)
    if not served or served[0].height != height:
        raise Problem(FailKind.NOT_FOUND, f"block {height} is not kept here", {"height": height})
    block = read_block(served[0].body)
    found = yield questions.certificate_from(height)
    if found is None or found[0] - height > ABOVE_MAX:
        raise Problem(
            FailKind.FAILED,
            f"no certificate is kept here for block {height} or one of the {ABOVE_MAX} above it: ask another member",
            {"height": height},
        )
    at, certificate = found
    above = (yield questions.headers(height + 1, at - height)) if at > height else []
    ends = yield questions.kept(KEPT_EPOCH_END)
    epochs = tuple(end for number, end in ends if int.from_bytes(number, "big") < block.header.epoch)
    if len(epochs) != block.header.epoch - 1:
        raise Problem(
            FailKind.FAILED,
            f"of the {block.header.epoch - 1} epochs before that of block {height} only {len(epochs)} can be shown "
            "here: ask another member",
        )
    certified = Certified(
        header=block.header.body, certificate=certificate, above=tuple(one.header for one in above), epochs=epochs
    )
    return certified, block
