"""The narrow door to the ordering: what goes in, what comes out, and what the owner is shown of it.

In go pending entries (`Waiting`, given to whoever makes an ordering), witnesses' words and the passing of time; out
come effects, and blocks that a certificate makes final. Behind the door stands `orderer` today, with Simplex. Another
engine with the same entries, rules and state roots has only to keep this page: nobody else in the house knows what
stands there (import contracts; `tests/house`). Source: SPEC V-1 to V-23, consensus rules 13 and 14.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from ledger.block import Block
from ledger.canonical import INTEGER_MAX, Value
from ledger.chain import Advance, Chain
from ledger.consensus.votes import Certificate, Vote
from ledger.keys import MemberId, SigningKey
from protocol.effects import Effect
from protocol.inputs import Now, PeerId
from protocol.messages import Ordering
from protocol.replication.neighbours import Neighbours
from protocol.replication.waiting import Waiting


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What the journal of votes kept."""

    certificates: tuple[Certificate, ...] = ()
    blocks: tuple[Block, ...] = ()
    votes: tuple[Vote, ...] = ()
    floors: tuple[tuple[int, int], ...] = ()
    """(epoch, view): what was final when the journal was begun anew."""
    halted: str = ""
    """Why the key signs nothing more."""

    def floor(self, epoch: int) -> int:
        """The view of an epoch up to which nothing may be signed: every one where a later epoch is spoken of."""
        epochs = [epoch, *(at for at, _ in self.floors), *(vote.epoch for vote in self.votes)]
        if max(epochs) > epoch:
            return INTEGER_MAX
        return max((view for at, view in self.floors if at == epoch), default=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Voter:
    """A voting key and its journal's memory; `key` None: there is none to vote with, and `why` says why."""

    key: SigningKey | None
    memory: Memory = Memory()
    why: str = ""
    final: Certificate | None = None
    """What finalized the last block of the database, for whoever asks (SPEC V-21)."""


class Door(Protocol):
    """The order of the ledger as one member's machine takes part in it.

    Like every core: synchronous, no I/O, effects to be performed in order. Once `step` is not None nothing but `stored`
    changes anything: the block is on its way to the disk.
    """

    # -- what comes out

    step: Advance | None
    """What became final here, beside the effect `Commit` that stores it; None again once it is `stored`."""
    certificate: bytes
    """What finalizes the last block of `step`."""

    def accusations(self) -> list[dict[str, Value]]:
        """Operations to be signed and submitted that convict a witness, each given once (SPEC V-14)."""

    # -- what goes in

    def started(self, now: Now) -> list[Effect]:
        """Once, before everything else: finish what a power cut left half done, ask what was signed before."""

    def met(self, peer: PeerId, now: Now) -> list[Effect]:
        """A member's machine is connected."""

    def heard(self, peer: PeerId, message: Ordering, now: Now) -> list[Effect]:
        """A word about the order from a member's machine; whatever it says, it harms that machine's name alone."""

    def look(self, now: Now) -> list[Effect]:
        """Entries came, something was hindering and is not any more, or `wake_ms` has come."""

    def stored(self, certificates: Sequence[bytes], now: Now) -> list[Effect]:
        """The chain has taken blocks, ordered here or fetched; the last certificate finalizes the last of them."""

    def reseated(self, voter: Voter, now: Now) -> list[Effect]:
        """Vote under another key from now on; only while this machine is not seated (SPEC V-21)."""

    def wake_ms(self, now: Now) -> int | None:
        """When `look` is next needed, on the monotonic clock; None: not before something else happens."""

    # -- what is shown

    @property
    def is_seated(self) -> bool:
        """Whether this machine takes part in the ordering."""

    @property
    def is_alone(self) -> bool:
        """Whether what this machine says is final needs nobody else."""

    def silence(self) -> str:
        """Why this machine does not vote, in words for its owner; empty where it does."""

    @property
    def needs_key(self) -> bool:
        """Whether the seat is ours and no key of this machine can vote in it again."""

    def standing(self) -> tuple[int, bool] | None:
        """The view being voted in and whether there is anything to agree on; None where we take no part."""

    @property
    def untimely(self) -> int:
        """Proposals in a row that were refused for their time: a sign that our own clock is wrong."""


Engine = Callable[[Chain, Waiting, Neighbours, MemberId, Voter | None], Door]
"""Makes what stands behind the door: for this chain, from these entries, among these machines, for this member, with
this voting key and what its journal kept."""
