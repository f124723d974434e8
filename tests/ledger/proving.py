"""A history to prove things of: a credit, a shared asset, a refused entry, and three epochs of witnesses.

Epochs are made by hand here, block by block, with certificates of real keys: what closes one is a rule of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ledger.block import Block, make_block, witnesses_hash
from ledger.canonical import decode, encode
from ledger.consensus.votes import Certificate, VoteKind, sign_vote, write_certificate
from ledger.entry import Entry
from ledger.proof_making import Certified, epoch_end, prove_entry, prove_pair, take
from ledger.state import State
from tests.ledger.town import START_MS, Person, Town, certificate

VIEW_LATER = 1
"""A block is finalized in a later view than it was proposed in."""


def holding(person: Person, letter: bytes, thing: bytes) -> bytes:
    """The key of a holding."""
    return b"holding/" + person.id + letter + thing


class History(Town):
    """A town with four witnesses and something in every block."""

    def __init__(self) -> None:
        super().__init__(people=4, witnesses=4)
        ada, ben = self.people[0], self.people[1]
        self.opening = self.entry(ada.working, "credits.open/1", {"decimals": 2, "redeemable": "bread", "unit": "EUR"})
        self.block(self.opening)
        self.money = self.opening.id
        self.do(ada.working, "credits.issue/1", {"amount": 1_000, "credit": self.money, "to": ada.id})
        self.registering = self.entry(ada.working, "assets.register/1", {"kind": "house", "name": "greenhouse"})
        self.block(self.registering)
        self.house = self.registering.id
        accept = self.acceptance(0, 1, 125_000, asset=self.house).to_value()
        give = {"accept": accept, "asset": self.house, "to": ben.id, "units": 125_000}
        pay = {"amount": 700, "credit": self.money, "to": ben.id}
        self.block(
            self.entry(ada.working, "shares.transfer/1", give),
            self.entry(ada.working, "credits.pay/1", pay),
            self.entry(ada.working, "credits.pay/1", pay),
            self.entry(ben.working, "membership.profile/1", {"about": "wood"}),
            self.entry(ben.working, "credits.pay/1", {"amount": 1, "credit": self.money, "to": self.people[2].id}),
        )
        self.mixed = self.steps[-1].blocks[0]
        """A block of five entries, the third of which is refused."""
        self.do(ben.working, "membership.profile/1", {"about": "wood and steel"})

    def certified(self, block: Block, places: Sequence[int] = (0, 2, 3), **changes: Any) -> bytes:
        """A certificate of three of the four for a block."""
        view = block.header.view + VIEW_LATER
        return write_certificate(certificate(self.charter, block, **{"view": view, "places": places, **changes}))

    @property
    def head(self) -> Block:
        """The newest block."""
        return self.steps[-1].blocks[0]

    def standing(self, block: Block | None = None, **changes: Any) -> Certified:
        """A block with a certificate of its own."""
        block = self.head if block is None else block
        return Certified(header=block.header.body, certificate=self.certified(block, **changes))

    def covered(self) -> Certified:
        """The block of five, final by the certificate of the newest block above it."""
        above = [
            step.blocks[0].header for step in self.steps if step.blocks[0].header.height > self.mixed.header.height
        ]
        assert above
        headers = tuple(header.body for header in above)
        return Certified(header=self.mixed.header.body, certificate=self.certified(self.head), above=headers)

    def share(self) -> bytes:
        """A proof of what Ben owns of the greenhouse."""
        key = holding(self.people[1], b"u", self.house)
        return prove_pair(self.standing(), take(self.state, key), made=self.registering.body)

    def balance(self) -> bytes:
        """A proof of what Ben has of the credit."""
        key = holding(self.people[1], b"c", self.money)
        return prove_pair(self.standing(), take(self.state, key), made=self.opening.body)

    def nothing(self) -> bytes:
        """A proof that somebody has nothing of the credit."""
        return prove_pair(
            self.standing(), take(self.state, holding(self.people[3], b"c", self.money)), made=self.opening.body
        )

    def record(self) -> bytes:
        """A proof of a member's record."""
        return prove_pair(self.standing(), take(self.state, b"member/" + self.people[1].id))

    def entry_at(self, place: int) -> bytes:
        """A proof of one of the five, by the certificate of a block above."""
        return prove_entry(self.covered(), self.mixed, place)


def listed(*numbers: int) -> list[dict[str, Any]]:
    """A witness list."""
    return [{"key": Person(i).voting.public, "member": Person(i).id} for i in numbers]


def signed_by(network: bytes, block: Block, numbers: Sequence[int], places: Sequence[int]) -> bytes:
    """A finalization of `block` by those at `places` of the list of the people `numbers`."""
    epoch, view = block.header.epoch, block.header.view + VIEW_LATER
    votes = [
        (i, sign_vote(Person(numbers[i]).voting, network, epoch, view, VoteKind.FINALIZE, block.header.id))
        for i in places
    ]
    made = Certificate(epoch=epoch, view=view, kind=VoteKind.FINALIZE, block=block.header.id, votes=tuple(votes))
    return write_certificate(made)


class Epochs:
    """One witness founds, four take over, and one of these is replaced: 1, then 4, then 4 others."""

    LISTS = ((0,), (0, 1, 2, 3), (0, 1, 2, 4))

    def __init__(self) -> None:
        self.town = Town(people=4, witnesses=1)
        self.closings: list[bytes] = []
        self.blocks: list[tuple[Block, bytes]] = []
        network, parent = self.town.network, self.town.network
        for number, people in enumerate(self.LISTS, start=1):
            following = self.LISTS[number] if number < len(self.LISTS) else people
            epoch = number + 1 if number < len(self.LISTS) else number
            self.state = State(self.pairs(epoch, following).items())
            self.block = make_block(
                network=network,
                epoch=number,
                view=1,
                height=number,
                parent=parent,
                time_ms=START_MS + number,
                state_root=self.state.root,
                witnesses=witnesses_hash(listed(*people)),
                entries=(self.profile(),),
                outcomes=("",),
            )
            places = range(1) if len(people) == 1 else (0, 1, 3)
            self.certificate = signed_by(network, self.block, people, places)
            self.blocks.append((self.block, self.certificate))
            if number < len(self.LISTS):
                self.closings.append(epoch_end(self.block.header.body, self.certificate, self.state))
            parent = self.block.header.id

    def profile(self) -> Entry:
        """An entry for a block."""
        return self.town.entry(Person(0).working, "membership.profile/1", {"about": "wood"})

    def pairs(self, epoch: int, people: Sequence[int]) -> dict[bytes, bytes]:
        """The state after a block: the founding one, but for its witnesses."""
        return {**self.town.pairs(), b"witnesses": encode({"epoch": epoch, "list": listed(*people)})}

    def proof(self, **changes: Any) -> bytes:
        """A proof of a pair in the third epoch."""
        parts = {"certificate": self.certificate, "epochs": tuple(self.closings), **changes}
        certified = Certified(header=self.block.header.body, **parts)
        return prove_pair(certified, take(self.state, b"member/" + Person(0).id))


def changed(proof: bytes, *path: Any, to: Any) -> bytes:
    """A proof with another value at a path into it; `to` may be a function of the old one, None takes it away."""
    value = decode(proof)
    at = value
    for step in path[:-1]:
        at = at[step]
    last = path[-1]
    new = to(at[last]) if callable(to) else to
    if new is None:
        del at[last]
    else:
        at[last] = new
    return encode(value)


def flipped(data: bytes, at: int = 0) -> bytes:
    """The same bytes with one bit turned."""
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
