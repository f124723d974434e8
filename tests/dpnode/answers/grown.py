"""A home with a real ledger on a real disk: founded through the offline reader, grown by signed and certified blocks.

Nothing is faked: the founder's identity is made as `init` makes it, every entry goes through the fold, every block is
certified with the founder's voting key and written with the store's own writer.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dpnode import offline
from dpnode.control.answers import Done, Failed
from dpnode.control.questions.base import Question
from dpnode.control.questions.network import NetworkFound
from dpnode.identity.identity import Identity, make_identity
from dpnode.identity.words import root_seed
from dpnode.paths import Home
from dpnode.shelf import read_founded, step_commit
from dpnode.store import questions
from dpnode.store.offline import reading, writing
from ledger.canonical import Value
from ledger.chain import Advance, Chain
from ledger.consensus.votes import Certificate, VoteKind, sign_vote, write_certificate
from ledger.entry import Entry, sign_entry
from ledger.fold import last_sequence
from ledger.keys import MemberId, SigningKey, member_id, next_root_hash
from ledger.operations.membership import peer_id_of
from ledger.statement import Statement, sign_statement
from protocol.joining import inviting

ENTROPY = bytes(range(32))
BLOCK_MS = 60_000


class Person:
    """A member whose keys the test holds."""

    def __init__(self, name: str, root: SigningKey, next_hash: bytes, working: SigningKey) -> None:
        self.name = name
        self.root = root
        self.next_hash = next_hash
        self.working = working
        self.id: MemberId = member_id(root.public, next_hash)


def new_home(folder: Path, name: str = "Ada", entropy: bytes = ENTROPY) -> Home:
    """A home as `init` leaves it."""
    home = Home(root=folder)
    home.make_folders()
    make_identity(home, entropy, name=name, passphrase=None, confirmed=True)
    return home


class Grown:
    """The founder's home and its ledger."""

    def __init__(self, folder: Path) -> None:
        self.home = new_home(folder)
        found = offline.answer(
            NetworkFound(network_name="Test valley", purpose="to try", root_seed=root_seed(ENTROPY, 0)), self.home
        )
        assert isinstance(found, Done), found
        self.identity = Identity.load(self.home)
        with reading(self.home.database) as opened:
            founded = read_founded(opened.ask(questions.meta()))
        assert founded is not None
        self.chain = Chain.founded(founded.charter)[0]
        self.time_ms = founded.charter.created_ms
        self._pending: list[Entry] = []
        root = SigningKey(root_seed(ENTROPY, 0))
        self.ada = Person("Ada", root, self.identity.next_root_hash, self.identity.working)

    def entry(self, who: SigningKey, operation: dict[str, Value], *, until_ms: int = 0) -> Entry:
        """An entry for the next block."""
        before = [entry.sequence for entry in self._pending if entry.key == who.public]
        sequence = max([last_sequence(self.chain.state, who.public), *before]) + 1
        made = sign_entry(who, self.chain.network, sequence, until_ms or self.time_ms + 86_400_000, operation)
        self._pending.append(made)
        return made

    def build(self) -> Advance:
        """The next block from what was entered, not yet stored."""
        self.time_ms += BLOCK_MS
        step = self.chain.build(self._pending, self.time_ms, self.chain.head.view + 1)
        self._pending = []
        assert step is not None and not step.left, step
        return step

    def block(self, *, certified: bool = True) -> Advance:
        """Make, certify and store the next block."""
        step = self.build()
        self.store(step, certified=certified)
        return step

    def store(self, step: Advance, *, certified: bool = True) -> None:
        """Certify and store a block as it is."""
        commit = step_commit(self.chain, step, self.certificate(step) if certified else b"")
        if not certified:
            (block,) = commit.blocks
            commit = type(commit)(blocks=[_without(block)], state=commit.state, meta=commit.meta)
        with writing(self.home.database) as opened:
            opened.commit(commit)
        self.chain.take(step)

    def certificate(self, step: Advance) -> bytes:
        """The founder's own quorum of one."""
        header = step.blocks[-1].header
        voting = self.identity.voting
        assert voting is not None
        kind = VoteKind.FINALIZE
        signature = sign_vote(voting, self.chain.network, header.epoch, header.view, kind, header.id)
        return write_certificate(
            Certificate(epoch=header.epoch, view=header.view, kind=kind, block=header.id, votes=((0, signature),))
        )

    def record(self, who: Person, operation: dict[str, Value]) -> bytes:
        """One entry in a block of its own; returns the entry's id."""
        entry = self.entry(who.working, operation)
        self.block()
        return entry.id

    def join(self, name: str, number: int) -> Person:
        """A new member, by invitation of the founder."""
        seeds = [bytes([number, part]) * 16 for part in range(5)]
        root, second, working, invite, network = map(SigningKey, seeds)
        until_ms = self.time_ms + 86_400_000
        self.record(self.ada, inviting(invite, member=self.ada.id, network=self.chain.network, until_ms=until_ms))
        person = Person(name, root, next_root_hash(second.public), working)
        content: dict[str, Value] = {
            "invite": invite.public,
            "name": name,
            "network": self.chain.network,
            "next": person.next_hash,
            "root": root.public,
            "sealing": bytes([number]) * 32,
            "working": working.public,
        }
        machine = sign_statement("peer", {"member": person.id, "network": self.chain.network}, network)
        consent = sign_statement("join", content, root)
        said = {"key": working.public, "member": person.id, "network": self.chain.network}
        operation: dict[str, Value] = {
            "consent": consent.to_value(),
            "key": sign_statement("key", said, working).to_value(),
            "machine": machine.to_value(),
            "t": "membership.join/1",
        }
        self.entry(invite, operation)
        self.block()
        assert self.chain.state.get(b"peer/" + peer_id_of(network.public)) == person.id
        return person

    def accepts(self, who: Person, source: Person, asset: bytes, units: int) -> Statement:
        """The acceptance of so many units."""
        content: dict[str, Value] = {
            "asset": asset,
            "from": source.id,
            "network": self.chain.network,
            "nonce": bytes(16),
            "to": who.id,
            "units": units,
            "until": self.time_ms + 86_400_000,
        }
        return sign_statement("accept-units", content, who.working)

    def ask(self, question: Question) -> dict[str, Any]:
        """The offline answer, which must be one."""
        answer = offline.answer(question, self.home)
        assert isinstance(answer, Done), answer
        return answer.value

    def fails(self, question: Question) -> Failed:
        """The offline answer, which must be a failure."""
        answer = offline.answer(question, self.home)
        assert isinstance(answer, Failed), answer
        return answer


def _without(block: Any) -> Any:
    from dataclasses import replace

    return replace(block, certificate=None)
