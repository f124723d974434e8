"""People with real keys, a charter, a disk that is a few dicts, and the core that stands on it.

The disk takes what the real store takes and gives back what it gave (`dpnode.shelf`, `dpnode.voting`), so the mapping
between the core and the rows is the real one; only SQLite is left out. `build` is the assembly of a node without I/O.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from dpnode.shelf import Founded, founding_commit, pending_entries, read_chain
from dpnode.store.journal import Record
from dpnode.store.rows import Commit, PendingEntry, ServedBlock
from dpnode.voting import remembered
from ledger.canonical import digest
from ledger.charter import Limits, founding_id, write_charter
from ledger.consensus.votes import Certificate, read_certificate
from ledger.entry import Entry, sign_entry
from ledger.keys import MemberId, SigningKey, member_id, next_root_hash
from ledger.operations.membership import peer_id_of
from ledger.statement import sign_statement
from protocol.capability.catalogue import Catalogue
from protocol.capability.functions import Function
from protocol.conversation import KEPT_SUBMITTED, Conversation
from protocol.core import Core, Self
from protocol.negotiation.calls import CALL_KIND
from protocol.negotiation.deals import DEAL_KIND
from protocol.negotiation.negotiation import Negotiation
from protocol.negotiation.policy import Policy
from protocol.own_offers import OwnOffers
from protocol.replication.directory_peer import KEPT_ADVERT, KEPT_DEFINITION, KEPT_RECORD, DirectoryPeer
from protocol.replication.directory_peer import Identity as DirectoryIdentity
from protocol.replication.door import Voter
from protocol.replication.lapsed import KEPT_LAPSED, read_lapsed
from protocol.world import LedgerWorld
from tests.protocol.capability.workshop import starter

START_MS = 1_800_000_000_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000


@dataclass(frozen=True)
class Person:
    """Somebody with every key a member has, all made from the name."""

    name: str
    root: SigningKey
    next_root: SigningKey
    working: SigningKey
    machine: SigningKey
    voting: SigningKey

    @property
    def next_hash(self) -> bytes:
        return next_root_hash(self.next_root.public)

    @property
    def member(self) -> MemberId:
        return member_id(self.root.public, self.next_hash)

    @property
    def peer(self) -> bytes:
        return peer_id_of(self.machine.public)


@cache
def person(name: str) -> Person:
    root, next_root, working, machine, voting = (
        SigningKey(digest("test-person", name.encode(), bytes([i]))) for i in range(5)
    )
    return Person(name=name, root=root, next_root=next_root, working=working, machine=machine, voting=voting)


@cache
def network(*founders: str, more: tuple[tuple[str, int], ...] = (), witnesses: int = 1) -> Founded:
    """A network of these founders, the first of whom are witnesses; `more` are limits other than the defaults."""
    people = [person(name) for name in founders]
    charter = write_charter(
        {
            "created": START_MS - HOUR_MS,
            "founders": [
                {
                    "name": one.name,
                    "next": one.next_hash,
                    "peer": one.peer,
                    "root": one.root.public,
                    "sealing": digest("test-sealing", one.name.encode()),
                    "working": one.working.public,
                }
                for one in people
            ],
            "limits": {**Limits().to_value(), **dict(more)},
            "name": "Test town",
            "purpose": "to be tested",
            "version": 1,
            "witnesses": [{"key": one.voting.public, "member": one.member} for one in people[:witnesses]],
        }
    )
    message = founding_id(charter.network)
    return Founded(charter=charter, signatures={one.member: one.root.sign(message) for one in people})


@dataclass
class Disk:
    """What survives a power cut: exactly what was committed, nothing else."""

    founded: Founded
    pairs: dict[bytes, bytes] = field(default_factory=dict)
    meta: dict[str, bytes] = field(default_factory=dict)
    pending: dict[bytes, PendingEntry] = field(default_factory=dict)
    kept: dict[tuple[str, bytes], bytes] = field(default_factory=dict)
    blocks: list[ServedBlock] = field(default_factory=list)
    ids: list[bytes] = field(default_factory=list)
    """Block ids by height, the first at height 1."""
    journal: list[Record] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.commit(_founding(self.founded.charter.network, self.founded))

    def commit(self, commit: Commit) -> None:
        certificates = dict(commit.certificates)
        for block in commit.blocks:
            assert block.height == len(self.blocks) + 1, "blocks are stored in order"
            certificate = certificates.get(block.height, block.certificate)
            self.blocks.append(ServedBlock(height=block.height, body=block.body, certificate=certificate))
            self.ids.append(block.id)
        _write(self.pairs, commit.state)
        _write(self.meta, commit.meta)
        _write(self.kept, (((kind, id_), value) for kind, id_, value in commit.kept))
        self.pending.update({one.id: one for one in commit.pending_new})
        for entry_id in commit.pending_done:
            self.pending.pop(entry_id, None)

    def served(self, start: int, bytes_max: int) -> list[ServedBlock]:
        """As the store reads a range."""
        found: list[ServedBlock] = []
        for block in self.blocks[start - 1 :]:
            bytes_max -= len(block.body)
            if found and bytes_max < 0:
                break
            found.append(block)
        return found

    def final(self) -> Certificate | None:
        """What finalized the last block."""
        certificate = self.blocks[-1].certificate if self.blocks else None
        return None if certificate is None else read_certificate(certificate)

    def of_kind(self, kind: str) -> list[tuple[bytes, bytes]]:
        return [(id_, value) for (of, id_), value in sorted(self.kept.items()) if of == kind]


_FOUNDING: dict[bytes, Commit] = {}


def _founding(name: bytes, founded: Founded) -> Commit:
    if name not in _FOUNDING:
        _FOUNDING[name] = founding_commit(founded)
    return _FOUNDING[name]


def _write(into: dict[Any, bytes], pairs: Iterable[tuple[Any, bytes | None]]) -> None:
    for key, value in pairs:
        if value is None:
            into.pop(key, None)
        else:
            into[key] = value


@dataclass
class Parts:
    """A core and what its owner holds besides."""

    core: Core
    offers: OwnOffers
    catalogue: Catalogue


def build(who: Person, disk: Disk, *, policy: Policy | None = None, functions: Iterable[Function] = ()) -> Parts:
    """The core of `who` as a start makes it from the disk."""
    chain = read_chain(disk.founded.charter, disk.meta, disk.pairs.items())
    catalogue = Catalogue([*starter(), *functions])
    kinds = (KEPT_DEFINITION, KEPT_RECORD, KEPT_ADVERT)
    kept = [(kind, id_, value) for kind in kinds for id_, value in disk.of_kind(kind)]
    directory = DirectoryPeer(
        chain, DirectoryIdentity(member=who.member, peer=who.peer, signer=who.working, place=None), catalogue, kept
    )
    offers = OwnOffers(catalogue, lambda credit, amount: f"{amount} {credit.hex()[:4]}")
    talk = [(kind, id_, value) for kind in (CALL_KIND, DEAL_KIND) for id_, value in disk.of_kind(f"talk-{kind}")]
    negotiation = Negotiation.restore(
        talk, me=who.member, network=chain.network, signer=who.working, policy=policy or Policy()
    )
    world = LedgerWorld(chain, offers.quotes, lambda member: None)
    core = Core(
        chain,
        Self(member=who.member, peer=who.peer, signer=who.working),
        voter=Voter(key=who.voting, memory=remembered(disk.journal), final=disk.final()),
        pending=pending_entries(disk.pending.values()),
        directory=directory,
        conversation=Conversation(negotiation, world, chain, disk.of_kind(KEPT_SUBMITTED)),
        lapsed=[read_lapsed(key, value) for key, value in disk.of_kind(KEPT_LAPSED)],
    )
    return Parts(core=core, offers=offers, catalogue=catalogue)


def entry(who: Person, founded: Founded, sequence: int, operation: Mapping[str, Any], **changes: Any) -> Entry:
    """An entry of `who`, as its own node or a hostile one might make it."""
    given = {"network": founded.charter.network, "until_ms": START_MS + DAY_MS, **changes}
    return sign_entry(who.working, given.pop("network"), sequence, given.pop("until_ms"), dict(operation), **given)


def joining(guest: Person, founded: Founded, invite: SigningKey, *, sequence: int = 1) -> Entry:
    """The entry by which a guest becomes a member."""
    name = founded.charter.network
    consent = sign_statement(
        "join",
        {
            "invite": invite.public,
            "name": guest.name,
            "network": name,
            "next": guest.next_hash,
            "root": guest.root.public,
            "sealing": digest("test-sealing", guest.name.encode()),
            "working": guest.working.public,
        },
        guest.root,
    )
    machine = sign_statement("peer", {"member": guest.member, "network": name}, guest.machine)
    key = sign_statement("key", {"key": guest.working.public, "member": guest.member, "network": name}, guest.working)
    operation: dict[str, Any] = {
        "consent": consent.to_value(),
        "key": key.to_value(),
        "machine": machine.to_value(),
        "t": "membership.join/1",
    }
    return sign_entry(invite, name, sequence, START_MS + DAY_MS, operation)
