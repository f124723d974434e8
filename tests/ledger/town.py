"""A small network for tests: people with real keys, a charter, a chain, and blocks certified by real votes.

Nothing is faked: every entry is signed, judged and executed as a node would. Time moves only when a test says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ledger.block import Block, make_block
from ledger.chain import Advance, Chain
from ledger.charter import Charter, Limits, write_charter
from ledger.consensus.votes import Certificate, VoteKind, sign_vote
from ledger.entry import Entry, sign_entry
from ledger.fold import check_includable, is_fully_signed
from ledger.keys import MemberId, SigningKey, member_id, next_root_hash
from ledger.operations import accounts
from ledger.operations.membership import peer_id_of
from ledger.state import State
from ledger.statement import Statement, sign_statement

START_MS = 1_800_000_000_000
DAY_MS = 86_400_000
HOUR_MS = 3_600_000


def key(name: str, number: int) -> SigningKey:
    """The same key for the same name and number, on every run."""
    return SigningKey((f"{name} {number}".encode() + bytes(32))[:32])


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with all the keys a member has."""

    number: int

    @property
    def name(self) -> str:
        return f"person {self.number}"

    @property
    def root(self) -> SigningKey:
        return key("root", self.number)

    @property
    def next_root(self) -> SigningKey:
        return key("next root", self.number)

    @property
    def working(self) -> SigningKey:
        return key("working", self.number)

    @property
    def machine(self) -> SigningKey:
        return key("machine", self.number)

    @property
    def voting(self) -> SigningKey:
        return key("voting", self.number)

    @property
    def invite(self) -> SigningKey:
        """The one-use key of the invitation this person comes by."""
        return key("invite", self.number)

    @property
    def sealing(self) -> bytes:
        return bytes([self.number]) * 32

    @property
    def id(self) -> MemberId:
        return member_id(self.root.public, next_root_hash(self.next_root.public))

    @property
    def peer(self) -> bytes:
        return peer_id_of(self.machine.public)

    def founder(self) -> dict[str, Any]:
        """This person in a charter."""
        return {
            "name": self.name,
            "next": next_root_hash(self.next_root.public),
            "peer": self.peer,
            "root": self.root.public,
            "sealing": self.sealing,
            "working": self.working.public,
        }


def charter_content(people: int = 3, witnesses: int = 1, **limits: int) -> dict[str, Any]:
    """A charter founded by so many people, the first of whom are witnesses."""
    founders = [Person(i) for i in range(people)]
    return {
        "created": START_MS,
        "founders": [one.founder() for one in founders],
        "limits": {**Limits().to_value(), **limits},
        "name": "Valley",
        "purpose": "to make things together",
        "version": 1,
        "witnesses": [{"key": one.voting.public, "member": one.id} for one in founders[:witnesses]],
    }


def remade(block: Block, **changes: Any) -> Block:
    """The block with other parts, its roots computed anew unless given."""
    header = block.header
    parts: dict[str, Any] = {
        "network": header.network,
        "epoch": header.epoch,
        "view": header.view,
        "height": header.height,
        "parent": header.parent,
        "time_ms": header.time_ms,
        "state_root": header.state_root,
        "witnesses": header.witnesses,
        "entries": block.entries,
        "outcomes": block.outcomes,
        **changes,
    }
    return make_block(**parts)


def certificate(
    charter: Charter, block: Block, *, view: int, places: Sequence[int], kind: VoteKind = VoteKind.FINALIZE
) -> Certificate:
    """The votes of the witnesses at `places` for a block."""
    votes = [
        (place, sign_vote(Person(place).voting, charter.network, 1, view, kind, block.header.id)) for place in places
    ]
    return Certificate(epoch=1, view=view, kind=kind, block=block.header.id, votes=tuple(votes))


class Town:
    """A network at work."""

    def __init__(self, people: int = 3, witnesses: int = 1, **limits: int) -> None:
        self.charter = write_charter(charter_content(people, witnesses, **limits))
        self.people = [Person(i) for i in range(people)]
        self.chain, _ = Chain.founded(self.charter)
        self.now_ms = START_MS + 1
        self.steps: list[Advance] = []
        self._used: dict[bytes, int] = {}

    @property
    def network(self) -> bytes:
        return self.charter.network

    @property
    def state(self) -> State:
        return self.chain.state

    def entry(
        self,
        signer: SigningKey,
        name: str,
        fields: dict[str, Any] | None = None,
        *,
        seq: int | None = None,
        until_ms: int | None = None,
        skips: bool = False,
    ) -> Entry:
        """A signed entry, under the next number of its key unless another is given."""
        number = self._used.get(signer.public, 0) + 1 if seq is None else seq
        self._used[signer.public] = max(number, self._used.get(signer.public, 0))
        until = self.now_ms + HOUR_MS if until_ms is None else until_ms
        return sign_entry(signer, self.network, number, until, {"t": name, **(fields or {})}, skips=skips)

    def block(self, *entries: Entry) -> Advance:
        """A block of these entries, checked and taken; all of them must be includable."""
        assert all(is_fully_signed(entry) for entry in entries)
        step = self.chain.build(entries, self.now_ms, self.chain.head.view + 1)
        assert step is not None
        assert step.left == ()
        assert len(step.blocks[0].entries) == len(entries)
        assert self.chain.check(step.blocks, step.blocks[-1].header.view).head == step.head
        self.chain.take(step)
        self.steps.append(step)
        self.now_ms = max(self.now_ms, self.chain.head.time_ms + 1)
        return step

    def do(self, signer: SigningKey, name: str, fields: dict[str, Any] | None = None) -> str:
        """One entry in a block of its own: its outcome."""
        return self.block(self.entry(signer, name, fields)).blocks[0].outcomes[0]

    def why_left(self, entry: Entry) -> str:
        """The code of what keeps an entry out of a block now; empty where nothing does."""
        refusal = check_includable(self.state, self.network, entry, self.now_ms, self.charter.limits)
        step = self.chain.build([entry], self.now_ms, self.chain.head.view + 1)
        assert (step is None or step.blocks[0].entries == ()) is (refusal is not None)
        return "" if refusal is None else refusal.code

    def credit(self, issuer: int = 0, amount: int = 1000, to: int = 0) -> bytes:
        """A credit, `amount` of it issued."""
        opening = self.entry(
            self.people[issuer].working, "credits.open/1", {"decimals": 2, "redeemable": "bread", "unit": "EUR"}
        )
        self.block(opening)
        if amount:
            fields = {"amount": amount, "credit": opening.id, "to": self.people[to].id}
            assert self.do(self.people[issuer].working, "credits.issue/1", fields) == ""
        return opening.id

    def asset(self, owner: int = 0, **fields: Any) -> bytes:
        """An asset registered by `owner`."""
        entry = self.entry(self.people[owner].working, "assets.register/1", {"kind": "printer", "name": "P1", **fields})
        step = self.block(entry)
        assert step.blocks[0].outcomes == ("",)
        return entry.id

    def free(self, person: int, thing: bytes, kind: str = "credit") -> int:
        return accounts.free(self.state, self.people[person].id, kind, thing)

    def invite(self, guest: Person, sponsor: int = 0, until_ms: int | None = None) -> str:
        """Have a member invite a guest."""
        until = self.now_ms + DAY_MS if until_ms is None else until_ms
        fields = {"consent": self.inviting(guest.invite, sponsor).to_value(), "until": until}
        return self.do(self.people[sponsor].working, "membership.invite/1", fields)

    def inviting(self, invite: SigningKey, sponsor: int = 0) -> Statement:
        """An invitation key's own word about whose it is."""
        return sign_statement("invite", {"member": self.people[sponsor].id, "network": self.network}, invite)

    def certificate(self, member: bytes, working: SigningKey) -> Statement:
        """A working key's own word about whom it speaks for."""
        content = {"key": working.public, "member": member, "network": self.network}
        return sign_statement("key", content, working)

    def joining(self, guest: Person, **changes: Any) -> dict[str, Any]:
        """The fields of a guest's joining."""
        signer = changes.pop("signer", guest.root)
        content = {
            "invite": guest.invite.public,
            "name": guest.name,
            "network": self.network,
            "next": next_root_hash(guest.next_root.public),
            "root": guest.root.public,
            "sealing": guest.sealing,
            "working": guest.working.public,
            **changes,
        }
        return {
            "consent": sign_statement("join", content, signer).to_value(),
            "key": self.certificate(guest.id, guest.working).to_value(),
            "machine": self.machine(guest.id, guest.machine).to_value(),
        }

    def join(self, guest: Person, **changes: Any) -> str:
        """Have a guest join by their invitation."""
        outcome = self.do(guest.invite, "membership.join/1", self.joining(guest, **changes))
        if outcome == "":
            self.people.append(guest)
        return outcome

    def machine(self, member: bytes, machine: SigningKey) -> Statement:
        """A machine's own word about whose it is."""
        return sign_statement("peer", {"member": member, "network": self.network}, machine)

    def acceptance(self, source: int, target: int, units: int, **changes: Any) -> Statement:
        """A receiver's consent to become an owner; `asset` and others by keyword."""
        signer = changes.pop("signer", self.people[target].working)
        content = {
            "from": self.people[source].id,
            "network": self.network,
            "nonce": bytes(16),
            "to": self.people[target].id,
            "units": units,
            "until": self.now_ms + DAY_MS,
            **changes,
        }
        return sign_statement("accept-units", content, signer)

    def pairs(self) -> dict[bytes, bytes]:
        """The whole state."""
        return dict(self.state.raw_range(b""))
