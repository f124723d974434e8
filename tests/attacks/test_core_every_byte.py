"""Every message a witness can hear, each byte of it changed: never an exception, never a stall, nothing heaps up.

The witness that hears them is one of three that are up of four, so the others can agree on nothing without it: what
follows the damage is an agreement. What witnesses say while they agree is damaged on its way, before the true word
comes, so that a damaged one is as near to the truth as can be. Rules: SPEC P-7, P-74, P-80 to P-82; V-3, V-12, V-18
to V-20.
"""

from __future__ import annotations

import gc
import types
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any

import pytest

from ledger.entry import entry_to_value
from protocol.effects import Alarm, Halt
from protocol.inputs import Quiet, Received
from protocol.messages import (
    MESSAGES,
    AskViews,
    Blocks,
    Body,
    Entries,
    Hello,
    NewHead,
    Proposed,
    Stands,
    Voted,
    write_message,
)
from tests.attacks.test_core_witnesses import EVE, PEOPLE, Council, vote
from tests.protocol.stand import Stand
from tests.protocol.test_messages import EXAMPLES

FRAME_BYTES = 1_200
"""Of the examples of one kind the longest up to this."""
IN_FLIGHT = {"ask-own", "certificates", "entries", "head", "own-votes", "proposal", "standing", "votes"}
"""What three witnesses say while they agree."""
TIMES = 2
"""Messages of a kind that are damaged in all ways."""
AT_ONCE = 64
"""Damaged messages between two quiet moments."""
OBJECTS_MORE_MAX = 800
"""What a witness may hold more after thousands of damaged messages: some votes of 64 views, ids it would ask for."""
AGREED_MS = 40_000
"""Questions to whoever boasted run into their deadlines meanwhile."""

Damages = Callable[[bytes], Iterator[bytes]]


class Damaging(Council):
    """Ann, Ben and Cat of four; before the first messages of a kind that go to Cat, all damages of them do."""

    def __init__(self, kind: str = "", damages: Damages = lambda frame: iter(())) -> None:
        self.kind = kind
        self.damages = damages
        self.damaged = 0
        super().__init__(without=3)

    @property
    def cat(self) -> Stand:
        return self.stands[2]

    def deliver(self) -> None:
        while self.waiting:
            source, to, message = self.waiting.pop(0)
            for stand in self.stands:
                if stand.who.peer != to:
                    continue
                frame = write_message(message)
                if stand is self.cat and self.kind == message.TYPE and self.damaged < TIMES:
                    self.damaged += 1
                    self.hears(self.damages(frame), source)
                self.take(stand, stand.give(Received(peer=source, frame=frame)))
                self.take(stand, stand.give(Quiet()))

    def hears(self, frames: Iterable[bytes], source: bytes) -> None:
        """Cat hears them all; what she says goes to the others."""
        for count, frame in enumerate(frames, 1):
            effects = self.cat.give(Received(peer=source, frame=frame))
            if count % AT_ONCE == 0:
                effects += self.cat.give(Quiet())
            assert not [one for one in effects if isinstance(one, Halt | Alarm)]
            self.take(self.cat, effects)

    def agree(self) -> None:
        """Entries of Ann's, Ben's and Cat's become final at all three, which no two of them can make so."""
        before = max(stand.height for stand in self.stands)
        for number in range(4):
            self.record(number % 3, f"{before} {number}")
        self.pass_time(AGREED_MS)
        assert len({stand.core.chain.state.root for stand in self.stands}) == 1, "the three agree on what came after"
        assert self.cat.height > before and not any(len(stand.ledger.pool) for stand in self.stands)
        assert not any(stand.ledger.orderer._replica.halted for stand in self.stands)


@cache
def true_words() -> dict[str, Any]:
    """A message of each kind, of this very network where there is one."""
    council = Damaging()
    council.agree()
    ann = council.stands[0]
    head = ann.core.chain.head
    found: dict[str, Any] = {}
    for word in EXAMPLES:
        known = found.get(word.TYPE)
        if known is None or len(write_message(known)) < len(write_message(word)) <= FRAME_BYTES:
            found[word.TYPE] = word
    real = (
        Hello(network=ann.founded.charter.network, height=head.height, block=head.block),
        NewHead(height=head.height, block=head.block),
        ann.range(count=1),
        Body(block=ann.range().blocks[0]),
        AskViews(epoch=1, views=[1, 2, 3], blocks=[head.block]),
        Entries(entries=[entry_to_value(ann.entry(EVE, n)) for n in (1, 2)]),
    )
    return found | {word.TYPE: word for word in real}


def changed(frame: bytes) -> Iterator[bytes]:
    """Each byte with one bit turned, and with all of them."""
    for at, byte in enumerate(frame):
        for mask in (1 << at % 8, 0xFF):
            yield frame[:at] + bytes([byte ^ mask]) + frame[at + 1 :]


def cut(frame: bytes) -> Iterator[bytes]:
    """Broken off before each byte, and with one too many."""
    yield from (frame[:end] for end in range(len(frame)))
    yield frame + b"\x00"


def objects(core: Any) -> int:
    """How many objects a core holds on to, code left out."""
    gc.collect()
    left_out = (type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType, types.MethodType)
    seen, waiting = {id(core)}, [core]
    while waiting:
        for one in gc.get_referents(waiting.pop()):
            if id(one) not in seen and not isinstance(one, left_out):
                seen.add(id(one))
                waiting.append(one)
    return len(seen)


@cache
def clean_objects() -> int:
    """What Cat holds where nothing was damaged."""
    council = Damaging()
    council.agree()
    council.agree()
    return objects(council.cat.core)


def test_there_is_a_true_message_of_every_kind() -> None:
    assert set(true_words()) == set(MESSAGES)


@pytest.mark.parametrize("damages", [changed, cut], ids=["changed", "cut"])
@pytest.mark.parametrize("kind", sorted(MESSAGES))
def test_whatever_byte_of_a_message_is_damaged_the_witness_goes_on_to_agree(kind: str, damages: Damages) -> None:
    """P-7, P-74, V-3, V-18."""
    council = Damaging(kind, damages)
    council.agree()
    assert council.damaged == TIMES or kind not in IN_FLIGHT
    if kind not in IN_FLIGHT:
        council.hears(damages(write_message(true_words()[kind])), PEOPLE[1].peer)
    council.agree()
    assert objects(council.cat.core) - clean_objects() <= OBJECTS_MORE_MAX


def test_after_a_flood_of_views_from_the_future_the_witness_goes_on_to_agree() -> None:
    """V-12, V-20: votes, proposals and standings, well signed by the witness that is down and lies."""
    council = Damaging()
    council.agree()
    for view in (*range(2, 400), *(10**6 + n for n in range(100)), *(2**53 - 1 - n for n in range(100))):
        words: list[Any] = [Voted(votes=[vote(3, view)]), Stands(epoch=1, floor=view - 1, view=view, works=True)]
        if view % 4 == 3:
            words.append(Proposed(vote=vote(3, view)))
        council.hears(map(write_message, words), PEOPLE[3].peer)
    council.agree()
    assert objects(council.cat.core) - clean_objects() <= OBJECTS_MORE_MAX


def test_after_a_flood_of_heights_from_the_future_the_witness_goes_on_to_agree() -> None:
    """P-31, V-20: whoever boasts of blocks that it cannot show holds nobody back for long."""
    council = Damaging()
    council.agree()
    heads: list[Any] = [NewHead(height=9 + n**4, block=bytes([n % 256]) * 32) for n in range(1, 500)]
    heads += [Blocks(start=2, blocks=[], certificate=b"", height=2**53 - 1 - n) for n in range(500)]
    council.hears(map(write_message, heads), PEOPLE[3].peer)
    council.agree()
    assert objects(council.cat.core) - clean_objects() <= OBJECTS_MORE_MAX
