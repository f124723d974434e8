"""A large ledger in a fresh home, made quickly: entries signed, blocks built and certified, committed to the store.

The same functions a node uses, without the network and without a daemon: one founder or several, all of them witnesses,
authors who joined by invitation and were given credits, then payments, of each author in turn, to random others. Every
entry is a real one, and so is every witness's signature, so whoever fetches the ledger has everything to check.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from dpnode.clock import now
from dpnode.founding import make_network
from dpnode.identity.identity import Identity
from dpnode.shelf import Founded, founding_commit, step_commit
from dpnode.store.journal import open_journal
from dpnode.store.offline import Writing, writing
from dpnode.voting import floor_record
from ledger.canonical import Value
from ledger.chain import Advance, Chain
from ledger.charter import Limits, founding_id, write_charter
from ledger.consensus.votes import Certificate, VoteKind, quorum, sign_vote, write_certificate
from ledger.entry import Entry, sign_entry
from ledger.keys import MemberId, SigningKey, member_id, next_root_hash
from ledger.operations.membership import peer_id_of
from protocol.joining import Invitation, inviting, joining_entry
from scripts.bench_parts._homes import Owner

HOUR_MS = 3_600_000
BODY_BYTES = 300
PART = 5_000
"""Entries signed before they are put into blocks: some megabytes."""
LIMITS = {"day_bytes": 10**15, "day_entries": 10**12}
"""A benchmark's member makes in a minute what others make in a year."""

Progress = Callable[[str, int, int], None]
"""(what is being done, how many are done, of how many)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guest:
    """Whoever joins, with every key they need for it."""

    name: str
    root: SigningKey
    next_hash: bytes
    working: SigningKey
    sealing: bytes
    network: SigningKey

    @property
    def member(self) -> MemberId:
        """Their member id."""
        return member_id(self.root.public, self.next_hash)


@dataclass(frozen=True, slots=True, kw_only=True)
class Large:
    """A ledger that stands in a home."""

    owner: Owner
    founded: Founded
    height: int
    entries: int
    state_root: bytes


class Builder:
    """Blocks on top of each other, straight into the store of a home."""

    def __init__(self, identity: Identity, founded: Founded, store: Writing, others: Sequence[Identity] = ()) -> None:
        self.chain, _ = Chain.founded(founded.charter)
        self._identity = identity
        self._voting = [one.voting for one in (identity, *others) if one.voting is not None]
        """The witnesses' keys, by their places."""
        self._store = store
        self._sequences: dict[bytes, int] = {}
        self.until_ms = self.chain.head.time_ms + HOUR_MS

    @property
    def founder(self) -> SigningKey:
        """The founder's working key."""
        return self._identity.working

    def entry(self, signer: SigningKey, operation: dict[str, Value]) -> Entry:
        """The next entry of a key."""
        number = self._sequences[signer.public] = self._sequences.get(signer.public, 0) + 1
        return sign_entry(signer, self.chain.network, number, self.until_ms, operation)

    def admit(self, guest: Guest) -> list[Entry]:
        """The founder's entry that invites somebody and theirs that joins."""
        seed = _seed("invite", guest.name)
        operation = inviting(
            SigningKey(seed), member=self._identity.member, network=self.chain.network, until_ms=self.until_ms
        )
        invitation = Invitation(
            network=self.chain.network,
            peer=b"",
            addresses=(),
            seed=seed,
            until_ms=self.until_ms,
            height=0,
            block=self.chain.network,
            certificate=b"",
        )
        joining = joining_entry(
            invitation,
            root=guest.root,
            next_root_hash=guest.next_hash,
            member=guest.member,
            name=guest.name,
            working=guest.working,
            sealing=guest.sealing,
            network_key=guest.network,
            until_ms=self.until_ms,
        )
        return [self.entry(self.founder, operation), joining]

    def record(self, entries: Sequence[Entry]) -> None:
        """Put entries into as many blocks as they need, and make these final and durable."""
        left = list(entries)
        while left:
            view = self.chain.head.view + 1
            step = self.chain.build(left, self.chain.head.time_ms + 1, view)
            assert step is not None and not step.left, "every entry of a benchmark can be included"
            assert not any(step.blocks[0].outcomes), "and none is refused"
            self._store.commit(step_commit(self.chain, step, self._certify(step, view)))
            self.chain.take(step)
            left = left[len(step.blocks[0].entries) :]

    def _certify(self, step: Advance, view: int) -> bytes:
        """The votes of a quorum, from the leader's place on: another witness is left out in each view."""
        block, epoch, count = step.head.block, step.head.epoch, len(self._voting)
        places = sorted((view + i) % count for i in range(quorum(count)))
        votes = tuple(
            (at, sign_vote(self._voting[at], self.chain.network, epoch, view, VoteKind.FINALIZE, block))
            for at in places
        )
        return write_certificate(Certificate(epoch=epoch, view=view, kind=VoteKind.FINALIZE, block=block, votes=votes))


def made_up(name: str) -> Guest:
    """Somebody without a home, whose keys are made of their name."""
    root, working, network = (SigningKey(_seed(kind, name)) for kind in ("root", "working", "network"))
    following = next_root_hash(SigningKey(_seed("following", name)).public)
    return Guest(
        name=name, root=root, next_hash=following, working=working, sealing=_seed("sealing", name), network=network
    )


def guest_of(owner: Owner) -> Guest:
    """Somebody with a home."""
    identity = owner.identity
    return Guest(
        name=identity.name,
        root=SigningKey(owner.root_seed),
        next_hash=identity.next_root_hash,
        working=identity.working,
        sealing=identity.sealing,
        network=SigningKey(identity.network_seed),
    )


def payment(credit: bytes, to: bytes, note_bytes: int) -> dict[str, Value]:
    """Pay the smallest unit, with a note that fills the entry up."""
    return {"amount": 1, "credit": credit, "note": "n" * note_bytes, "t": "credits.pay/1", "to": to}


def note_bytes_for(network: bytes, credit: bytes) -> int:
    """How long a note makes a payment of `BODY_BYTES`; its number in sequence is taken for a two-byte one."""
    bare = sign_entry(SigningKey(bytes(32)), network, 200, 2**40, payment(credit, bytes(32), 40))
    return 40 + BODY_BYTES - len(bare.body)


def founded_by(owners: Sequence[Owner], witnesses: int) -> Founded:
    """A fresh network of these founders, the first so many of whom are its witnesses."""
    charter = write_charter(
        {
            "created": now().wall_ms,
            "founders": [
                {
                    "name": owner.identity.name,
                    "next": owner.identity.next_root_hash,
                    "peer": peer_id_of(SigningKey(owner.identity.network_seed).public),
                    "root": SigningKey(owner.root_seed).public,
                    "sealing": owner.identity.sealing,
                    "working": owner.identity.working.public,
                }
                for owner in owners
            ],
            "limits": {**Limits().to_value(), **LIMITS},
            "name": "bench",
            "purpose": "to be measured",
            "version": 1,
            "witnesses": [
                {"key": owner.identity.voting.public, "member": owner.identity.member}
                for owner in owners[:witnesses]
                if owner.identity.voting is not None
            ],
        }
    )
    signed = founding_id(charter.network)
    return Founded(
        charter=charter,
        signatures={owner.identity.member: SigningKey(owner.root_seed).sign(signed) for owner in owners},
    )


@contextmanager
def building(owner: Owner, others: Sequence[Owner] = ()) -> Iterator[tuple[Builder, Founded]]:
    """A fresh network in the home of `owner`, to be filled; its home is a witness's, ready to run, afterwards.

    `others` are founders and witnesses as well.
    """
    if others:
        founded = founded_by([owner, *others], 1 + len(others))
    else:
        founded = make_network(
            owner.identity, name="bench", purpose="to be measured", root_seed=owner.root_seed, limits=LIMITS
        )
    with writing(owner.home.database) as store:
        store.commit(founding_commit(founded))
        builder = Builder(owner.identity, founded, store, [other.identity for other in others])
        yield builder, founded
    with open_journal(owner.home.votes, create=False) as (journal, _):
        # What a witness's journal holds after it was begun anew: nothing at or below this view is voted on again.
        journal.append([floor_record(builder.chain.head.epoch, builder.chain.head.view)])


def newcomer(owner: Owner, founded: Founded) -> None:
    """Give a home the charter and nothing more, in place of what it had."""
    for stale in owner.home.root.glob("ledger.db*"):
        stale.unlink()
    with writing(owner.home.database) as store:
        store.commit(founding_commit(founded))


def populate(builder: Builder, guests: Sequence[Guest]) -> bytes:
    """Open a credit, let everybody in and give each of it; returns the credit's id."""
    founder = builder.founder
    opening = builder.entry(founder, {"decimals": 2, "redeemable": "bread", "t": "credits.open/1", "unit": "EUR"})
    made = [opening]
    for guest in guests:
        issue: dict[str, Value] = {"amount": 10**7, "credit": opening.id, "t": "credits.issue/1", "to": guest.member}
        made += [*builder.admit(guest), builder.entry(founder, issue)]
    builder.record(made)
    return opening.id


def build_large(
    owner: Owner,
    *,
    authors: int,
    entries: int,
    homes: Sequence[Owner] = (),
    witnesses: Sequence[Owner] = (),
    progress: Progress,
    seed: int = 1,
) -> Large:
    """Found a network in the home of `owner` and fill it with `entries` payments by `authors`.

    The owners of `homes` become members too, so that their machines are let in; `witnesses` found it with `owner`.
    """
    dice = random.Random(seed)
    guests = [made_up(f"author-{i}") for i in range(authors)]
    with building(owner, witnesses) as (builder, founded):
        credit = populate(builder, [*guests, *map(guest_of, homes)])
        note_bytes = note_bytes_for(builder.chain.network, credit)
        made: list[Entry] = []
        for i in range(entries):
            author, payee = i % authors, dice.randrange(authors - 1)
            to = guests[payee if payee < author else payee + 1].member
            made.append(builder.entry(guests[author].working, payment(credit, to, note_bytes)))
            if len(made) == PART or i == entries - 1:
                builder.record(made)
                made = []
                progress("entries signed and stored", i + 1, entries)
        head = builder.chain.head
    return Large(owner=owner, founded=founded, height=head.height, entries=head.entries, state_root=head.state_root)


def _seed(kind: str, name: str) -> bytes:
    return f"{kind} {name}".encode().ljust(32, b".")
