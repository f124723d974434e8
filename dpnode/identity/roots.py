"""Which root key is in force: the words give all of them, the ledger's record of the member says which.

No file here counts rotations: whoever restores from words on a fresh machine could not have it, and a copy that was
put back would be wrong.
"""

from __future__ import annotations

from dataclasses import dataclass

from dpnode.errors import FailKind, Problem
from dpnode.identity.words import root_key, root_seed
from ledger.keys import next_root_hash

ROOTS_MAX = 1_000
"""Roots tried before words are said not to fit: one rotation a month for eighty years."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RootSeeds:
    """The root key in force and the one after it, unlocked for one act."""

    number: int
    seed: bytes
    """32 bytes, of root `number`."""
    next_seed: bytes
    """32 bytes, of root `number` + 1."""
    after: bytes
    """The hash of root `number` + 2, which a rotation commits to."""

    def __repr__(self) -> str:
        return f"RootSeeds(number={self.number})"


def roots_in_force(entropy: bytes, root: bytes) -> RootSeeds:
    """The keys from the one whose public key is `root` on; raises `Problem` (REFUSED) where no root of ours is that."""
    for number in range(ROOTS_MAX):
        if root_key(entropy, number).public == root:
            return RootSeeds(
                number=number,
                seed=root_seed(entropy, number),
                next_seed=root_seed(entropy, number + 1),
                after=next_root_hash(root_key(entropy, number + 2).public),
            )
    raise Problem(FailKind.REFUSED, "the root key that the ledger names for this member does not come from these words")
