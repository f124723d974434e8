"""Which seeds are simulated: fresh ones for every change of the code, and each that ever found something.

A hundred seeds that never change find what they can find once. So the seeds of a run follow from the code they run:
whoever changes it has a hundred that nobody ever ran, whoever runs the same code again has the same ones.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from tests.simulation.storms import FAULTS, OF_DISKS, OF_MEMBERS

FRESH = 100
SPAN = 1 << 31
"""Fresh seeds are somewhere below this, in hundreds."""
CODE = ("ledger", "protocol", "dpnode/shelf.py", "dpnode/voting.py", "dpnode/store/journal.py", "tests/simulation")


def fresh(project: Path) -> range:
    """A hundred seeds that follow from the code which the simulation runs."""
    code = hashlib.sha256()
    for room in CODE:
        path = project / room
        for file in [path] if path.is_file() else sorted(path.rglob("*.py")):
            code.update(f"{file.relative_to(project).as_posix()}\n".encode() + file.read_bytes())
    first = int.from_bytes(code.digest()[:8], "big") % SPAN // FRESH * FRESH
    return range(first, first + FRESH)


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """A seed that found something, and the storms that there were then."""

    seed: int
    found: str
    faults: frozenset[str] = frozenset(FAULTS)


BEFORE_MEMBERS = frozenset(FAULTS) - OF_MEMBERS.keys()
BEFORE_DISKS = BEFORE_MEMBERS - OF_DISKS
PAST = (
    Past(seed=8, faults=BEFORE_DISKS, found="blocks of several epochs were served under one certificate"),
    Past(seed=8, faults=BEFORE_MEMBERS, found="an entry was told as recorded that was not on the disk"),
    Past(seed=114, faults=BEFORE_DISKS, found="work never ended for an entry that had lapsed"),
    Past(seed=116, faults=BEFORE_DISKS, found="a start as the only witness of two"),
    Past(
        seed=28,
        faults=BEFORE_MEMBERS,
        found="an entry given up by a clock that was wrong, and another under its number",
    ),
    Past(
        seed=153,
        faults=BEFORE_MEMBERS,
        found="an answer damaged on its way was taken for a vote that the journal had lost",
    ),
    Past(seed=248, faults=BEFORE_MEMBERS, found="the same in a network of seven"),
    Past(
        seed=1_178,
        faults=BEFORE_MEMBERS,
        found="who sat alone once and lost the journal since was to have its votes of then",
    ),
    Past(
        seed=843_963_102,
        faults=BEFORE_MEMBERS,
        found="what had lapsed by an only witness's clock counted as lost: no block was made since",
    ),
)
"""Since the storms have changed, a seed is run in those of then."""
