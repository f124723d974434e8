"""Who has how much of what, kept a second time beside the ledger's state and compared at every block.

Only what a block changed is looked at, so that it costs next to nothing. Read straight from the state's keys, with
nothing of the rules that wrote them. Source: invariants 1 to 3 of the ledger; SPEC A-1 to A-5, W-25.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ledger.canonical import decode

ACCOUNT, HOLD, JOB = b"holding/", b"hold/", b"job/"
THINGS = {b"credit/": b"c", b"asset/": b"u"}
"""Prefix of what exists in a stated amount -> letter of its kind in the keys of accounts."""
LETTERS = {"credit": b"c", "output": b"o", "units": b"u"}
MEMBER_BYTES = 32
OPEN = {"awarded", "started", "delivered", "rejected", "disputed"}
"""Stages in which a job's money is held."""

Parts = dict[bytes, int]
"""Account -> amount."""


@dataclass
class Promise:
    """A job and the money set aside for it."""

    whole: Parts = field(default_factory=dict)
    """What was set aside in the beginning: a job's price."""
    left: Parts | None = None
    """What still is; None: nothing yet, or no more."""
    paid: Parts = field(default_factory=dict)
    is_open: bool = False
    has_ended: bool = False


class Books:
    """Accounts, holds and jobs as the final blocks left them."""

    def __init__(self) -> None:
        self.height = 0
        self.ended = 0
        """Holds that came to their end."""
        self._accounts: dict[bytes, tuple[int, int]] = {}
        """(free, held) by member, kind and thing."""
        self._held: Counter[bytes] = Counter()
        """What all holds together set aside of an account."""
        self._sums: Counter[bytes] = Counter()
        """What all have of a thing, by kind and thing ..."""
        self._due: dict[bytes, int] = {}
        """... and how much of it there should be."""
        self._promises: dict[bytes, Promise] = {}

    def take(self, height: int, changes: Mapping[bytes, bytes | None]) -> str:
        """The state's changes by blocks up to `height`; what is wrong in a sentence, empty where all is well."""
        self.height = height
        touched: set[bytes] = set()
        promises: set[bytes] = set()
        for key, raw in changes.items():
            value: Any = None if raw is None else decode(raw)
            if key.startswith(ACCOUNT):
                touched.add(self._account(key.removeprefix(ACCOUNT), value))
            elif key.startswith(HOLD):
                promises.add(key.removeprefix(HOLD))
                touched |= self._hold(key.removeprefix(HOLD), value)
            elif key.startswith(JOB):
                promises.add(key.removeprefix(JOB))
                self._job(key.removeprefix(JOB), value)
            else:
                self._thing(key, value)
        problems = [*map(self._wrong_account, sorted(touched)), *map(self._wrong_promise, sorted(promises))]
        things = {account[MEMBER_BYTES:] for account in touched}
        problems += map(self._wrong_sum, sorted(things))
        return next(filter(None, problems), "")

    # -- what changed

    def _account(self, account: bytes, value: Any) -> bytes:
        now = (0, 0) if value is None else (value.get("free", 0), value.get("held", 0))
        before = self._accounts.get(account, (0, 0))
        self._accounts[account] = now
        self._sums[account[MEMBER_BYTES:]] += sum(now) - sum(before)
        return account

    def _hold(self, hold: bytes, value: Any) -> set[bytes]:
        promise = self._promises.setdefault(hold, Promise())
        before, now = promise.left or {}, None if value is None else _parts(value["from"], value["lines"])
        if now is not None and not promise.whole:
            promise.whole = now
        if now is None and promise.whole and not promise.has_ended:
            promise.has_ended = True
            self.ended += 1
        promise.left = now
        self._held.subtract(before)
        self._held.update(now or {})
        return before.keys() | (now or {}).keys()

    def _job(self, job: bytes, value: Any) -> None:
        promise = self._promises.setdefault(job, Promise())
        if value is None:
            return
        promise.whole = _parts(value["customer"], value["price"])
        promise.paid = dict(zip(promise.whole, value["paid"], strict=True))
        promise.is_open = value["stage"] in OPEN

    def _thing(self, key: bytes, value: Any) -> None:
        for prefix, letter in THINGS.items():
            if key.startswith(prefix) and value is not None:
                total = value["total"] if letter == b"u" else value.get("issued", 0) - value.get("redeemed", 0)
                self._due[letter + key.removeprefix(prefix)] = total

    # -- what must be so

    def _wrong_account(self, account: bytes) -> str:
        """Invariant 2: no account below zero, nothing spent that is held."""
        at_hand, on_hold = self._accounts.get(account, (0, 0))
        if at_hand < 0 or on_hold < 0:
            return f"an account is below zero: {at_hand} free, {on_hold} held"
        if on_hold != self._held[account]:
            return f"{self._held[account]} is promised and {on_hold} held: what is held was spent, or never let go"
        return ""

    def _wrong_promise(self, hold: bytes) -> str:
        """Invariant 3: a hold ends exactly once, and the parts sum to the whole."""
        promise = self._promises[hold]
        left = promise.left or {}
        if promise.left is not None and promise.has_ended:
            return "a hold that had ended is there again"
        if any(amount < 0 for amount in [*left.values(), *promise.paid.values()]):
            return "a part of a hold is below zero"
        whole = promise.whole
        if promise.is_open and any(left.get(one, 0) + promise.paid.get(one, 0) != whole[one] for one in whole):
            return "what was paid and what is left of a hold do not sum to the whole"
        if any(promise.paid.get(one, 0) > amount for one, amount in whole.items()):
            return "more was paid than was held"
        if not promise.is_open and left:
            return "a job is over and its money still held"
        return ""

    def _wrong_sum(self, thing: bytes) -> str:
        """Invariant 1: nothing came from nowhere, holds included."""
        found = self._sums[thing]
        if thing[:1] in THINGS.values() and found != self._due.get(thing, 0):
            return f"the sums are wrong: {found} where {self._due.get(thing, 0)} should be"
        return ""


def _parts(member: bytes, lines: list[dict[str, Any]]) -> Parts:
    return {member + LETTERS[line["kind"]] + line["id"]: line["amount"] for line in lines}
