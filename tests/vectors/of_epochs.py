"""A history through changes of witnesses: one, then two, three and four, then another key for one of the four.

Every change is made as members make it: a motion, the votes, a seat taken, a key replaced. Each block stands there as
peers send it and as an export has it (`lines`), so that a reader who does not fold can follow it from epoch to epoch.
Source: SPEC G-1 to G-6, V-2 to V-5, V-22, B-11, O-4, O-12.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ledger.block import Block, make_block, witnesses_hash, write_block
from ledger.chain import Advance, Chain
from ledger.consensus.votes import Certificate, VoteKind, quorum, sign_vote, write_certificate
from ledger.entry import Entry
from ledger.fold import Executed, execute
from ledger.keys import SigningKey
from ledger.proof_making import epoch_end
from ledger.state import Overlay
from tests.ledger.operations.council import Council, spare
from tests.ledger.town import DAY_MS, Person, remade
from tests.second_reader.exports import charter_line, lines_of, text
from tests.vectors.of_bytes import Vectors

VOTING = {one.public: one for one in (*(Person(i).voting for i in range(4)), spare(1))}
TOGETHER = 22
"""The height of a block that is final by the certificate of the next one."""
FAR = 1_000
"""A view above every one there is."""
LATER = 2
"""A closing block is finalized so many views after its own."""

Row = dict[str, Any]


def town_of_epochs() -> Council:
    """Four members, one witness at first; something of everyday life in every epoch."""
    town = Council(people=4, witnesses=1)
    credit = town.credit(amount=500)
    pay = {"amount": 300, "credit": credit, "to": town.people[1].id}
    for person in (1, 2, 3):
        town.block(*(town.entry(town.people[0].working, "credits.pay/1", pay) for _ in range(person % 2 + 1)))
        town.seat(person)
    for person, about in ((1, "wood"), (2, "steel"), (3, "clay")):
        town.do(Person(person).working, "membership.profile/1", {"about": about})
    town.now_ms += DAY_MS
    assert town.rekey(2, spare(1)) == ""
    town.do(Person(3).working, "membership.profile/1", {"about": "clay and steel"})
    return town


def certified(
    network: bytes, block: Block, voting: Sequence[SigningKey], *, view: int, epoch: int, count: int | None = None
) -> bytes:
    """A finalization by a quorum of these, or by `count` of them, the first place left out where it can be."""
    needed = quorum(len(voting)) if count is None else count
    places = range(len(voting))[-needed:]
    votes = tuple(
        (at, sign_vote(voting[at], network, epoch, view, VoteKind.FINALIZE, block.header.id)) for at in places
    )
    made = Certificate(epoch=epoch, view=view, kind=VoteKind.FINALIZE, block=block.header.id, votes=votes)
    return write_certificate(made)


class Replay:
    """The history once more, block by block, with what a quorum says of each and what must be refused after it."""

    def __init__(self, town: Council) -> None:
        self.town = town
        self.chain, _ = Chain.founded(town.charter)
        self.before: list[SigningKey] = []
        """The voting keys of the epoch before."""
        self.has_changed = False
        """Whether the last block closed its epoch."""
        self.valid: list[Row] = []
        self.invalid: list[Row] = []

    @property
    def voting(self) -> list[SigningKey]:
        """The voting keys of this epoch, by place."""
        return [VOTING[key] for key in self.chain.voting_keys]

    def take(self, *steps: Advance) -> None:
        """Blocks that are right, under one certificate, and all that would be wrong in their place."""
        blocks, last = [step.blocks[0] for step in steps], steps[-1]
        header, epoch, voting = blocks[-1].header, self.chain.head.epoch, self.voting
        closes = last.head.epoch > epoch
        view = header.view + (LATER if closes else 0)
        said = certified(self.town.network, blocks[-1], voting, view=view, epoch=epoch)
        if self.has_changed:
            self.invalid += self._after_a_change(blocks[0], epoch)
        if closes:
            self.invalid += self._at_a_change(blocks[-1], epoch)
        for step in steps:
            self.chain.take(step)
        ends = {"epoch_end": epoch_end(header.body, said, self.chain.state)} if closes else {}
        row = self._row(f"block {header.height}", blocks, said, **ends)
        shows: Row = {"epoch": epoch, "epoch_after": epoch + closes, "height": header.height}
        shows["outcomes"] = [list(block.outcomes) for block in blocks]
        self.valid.append({**row, "ids": [block.header.id.hex() for block in blocks], "shows": shows})
        self.before, self.has_changed = (voting if closes else self.before), closes

    def _after_a_change(self, block: Block, epoch: int) -> Iterator[Row]:
        """What may not follow the block that closed the epoch before."""
        network, height, old = self.town.network, block.header.height, self.before
        wrong: list[tuple[str, str, Block, dict[str, Any]]] = [
            ("one vote too few", "V-3", block, {"count": quorum(len(self.voting)) - 1}),
            ("a certificate of the epoch before", "V-3", block, {"epoch": epoch - 1}),
            ("the witnesses before", "V-3", block, {"voting": old}),
            ("the epoch before in its header", "B-11", remade(block, epoch=epoch - 1), {}),
            ("the witnesses before in its header", "B-11", remade(block, witnesses=self._hash_before()), {}),
            (
                "the epoch before in all of it",
                "V-22",
                remade(block, epoch=epoch - 1, witnesses=self._hash_before(), view=FAR),
                {"epoch": epoch - 1, "voting": old},
            ),
        ]
        if old == self.voting[: len(old)] and quorum(len(old)) >= quorum(len(self.voting)):
            # Three who are joined by a fourth go on being a quorum.
            del wrong[2]
        for name, rule, other, changes in wrong:
            given = {"epoch": epoch, "view": other.header.view, "voting": self.voting, **changes}
            said = certified(network, other, given.pop("voting"), **given)
            yield self._wrong(f"block {height} with {name}", rule, [other], said)

    def _at_a_change(self, block: Block, epoch: int) -> Iterator[Row]:
        """What may not stand beside a change in its block, nor on it before it is final: only who folds sees that."""
        header, network = block.header, self.town.network
        more = self._more(header.time_ms)
        both = self._with(block, more)
        said = certified(network, both, self.voting, view=header.view, epoch=epoch)
        yield self._wrong(f"block {header.height} with an entry after the change", "G-2", [both], said, folds=True)
        child = make_block(
            network=network,
            epoch=epoch,
            view=header.view + 1,
            height=header.height + 1,
            parent=header.id,
            time_ms=header.time_ms + 1,
            state_root=self._root([block], more),
            witnesses=header.witnesses,
            entries=(more,),
            outcomes=("",),
        )
        said = certified(network, child, self.voting, view=header.view + 1, epoch=epoch)
        name = f"block {header.height} with a block on it under one certificate"
        yield self._wrong(name, "V-22", [block, child], said, folds=True)

    def _more(self, time_ms: int) -> Entry:
        """An entry that could stand in the next block."""
        key = Person(0).working
        used: Any = self.chain.state.get(b"seq/" + key.public) or 0
        fields = {"gifts": True}
        return self.town.entry(key, "membership.profile/1", fields, seq=used + 1, until_ms=time_ms + DAY_MS)

    def _with(self, block: Block, more: Entry) -> Block:
        """The block with one more entry, rightly executed but for the rule that is broken."""
        tx = Overlay(self.chain.state)
        for entries in (block.entries, (more,)):
            self._run(tx, block.header.height, block.header.time_ms, entries)
        root = self.chain.state.settle(tx.changes).root
        return remade(block, entries=(*block.entries, more), outcomes=(*block.outcomes, ""), state_root=root)

    def _root(self, blocks: Sequence[Block], more: Entry) -> bytes:
        """The state's root after these blocks and one more with one entry."""
        tx = Overlay(self.chain.state)
        for block in blocks:
            self._run(tx, block.header.height, block.header.time_ms, block.entries)
        self._run(tx, blocks[-1].header.height + 1, blocks[-1].header.time_ms + 1, (more,))
        return self.chain.state.settle(tx.changes).root

    def _run(self, tx: Overlay, height: int, time_ms: int, entries: Sequence[Entry]) -> None:
        done = execute(tx, self.town.network, height, time_ms, entries, self.town.charter.limits)
        assert isinstance(done, Executed) and done.outcomes == ("",), done

    def _hash_before(self) -> bytes:
        """What the headers of the epoch before name."""
        members = {Person(i).voting.public: Person(i).id for i in range(4)}
        return witnesses_hash([{"key": one.public, "member": members[one.public]} for one in self.before])

    def _wrong(self, name: str, rule: str, blocks: Sequence[Block], said: bytes, *, folds: bool = False) -> Row:
        row = self._row(name, blocks, said)
        return {**row, "after": self.chain.head.height, "folds": folds, "rule": rule}

    def _row(self, name: str, blocks: Sequence[Block], said: bytes, **ends: bytes) -> Row:
        """Blocks under one certificate, as peers send them and as an export has them."""
        lines = []
        for block in blocks:
            first, *entries = lines_of(block, said, **{key: text(value) for key, value in ends.items()})
            if block is not blocks[-1]:
                del first["certificate"]
            lines += [first, *entries]
        return {
            "blocks": [write_block(block).hex() for block in blocks],
            "certificate": said.hex(),
            "lines": lines,
            "name": name,
        }


def epochs() -> Vectors:
    """The history from its charter, and what does not continue it."""
    town = town_of_epochs()
    replay = Replay(town)
    waiting: list[Advance] = []
    for step in town.steps:
        waiting.append(step)
        if step.head.height != TOGETHER:
            replay.take(*waiting)
            waiting = []
    first = {"charter": town.charter.body.hex(), "lines": [charter_line(town)], "name": "the charter"}
    return {"invalid": replay.invalid, "valid": [first, *replay.valid]}
