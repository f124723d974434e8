"""A deliberately naive double-entry book of what is owned together; it shares no code with the ledger's rules.

It knows nothing of operations' forms, overlays or escrow: who has how much free and held of what, what is open, and who
belongs where. What each operation does to it stands in `test_share_model`.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine

from ledger.canonical import INTEGER_MAX
from ledger.keys import MemberId
from tests.ledger.operations.commons import Commons
from tests.ledger.town import Person

OWNERS = st.integers(0, 5)
"""Four members, and two places for groups."""
UNITS = st.integers(1, 12) | st.sampled_from([INTEGER_MAX, 1_000_000])


class ShareBook(RuleBasedStateMachine):
    """The book, and how it and the ledger are asked the same."""

    def __init__(self) -> None:
        super().__init__()
        self.town = Commons(people=4)
        self.credit = self.town.credit(amount=1_000)
        for person in (1, 2, 3):
            self.town.done(0, "credits.pay/1", amount=200, credit=self.credit, to=Person(person).id)
        self.book: dict[tuple[bytes, bytes], list[int]] = defaultdict(lambda: [0, 0])
        for person, amount in enumerate((400, 200, 200, 200)):
            self.book[Person(person).id, self.credit][0] = amount
        self.totals: dict[bytes, int] = {}
        self.ended: set[bytes] = set()
        self.groups: dict[bytes, list[int]] = {}
        """Group -> [needed, people in it...]; every weight is 1."""
        self.offers: dict[bytes, dict[str, Any]] = {}
        self.lent: dict[bytes, dict[str, Any]] = {}
        self.motions: dict[bytes, dict[str, Any]] = {}
        self.rights: dict[tuple[str, bytes, bytes], int] = defaultdict(int)

    # -- the book

    def owner(self, number: int) -> bytes:
        """A member, or a group while there is one."""
        groups = list(self.groups)
        return Person(number).id if number < 4 else groups[number - 4] if number - 4 < len(groups) else Person(0).id

    def number(self, owner: bytes) -> int:
        """The other way round."""
        members = [Person(person).id for person in range(4)]
        return members.index(MemberId(owner)) if owner in members else 4 + list(self.groups).index(owner)

    def pick(self, data: st.DataObject, fitting: list[bytes]) -> int:
        """Mostly one of those for whom it may hold, now and then anybody."""
        fits = data.draw(st.integers(0, 5)) > 0
        if fitting and fits:
            return self.number(data.draw(st.sampled_from(sorted(fitting))))
        return data.draw(OWNERS)

    def thing(self, data: st.DataObject) -> bytes:
        """An asset, rather one that has not ended."""
        lasting = [one for one in self.totals if one not in self.ended]
        fits = data.draw(st.integers(0, 9)) > 0
        if lasting and fits:
            return data.draw(st.sampled_from(lasting))
        return data.draw(st.sampled_from([*self.totals, bytes(32)]))

    def some(self, data: st.DataObject, owner: bytes, thing: bytes) -> int:
        """So much that it may well be free."""
        return data.draw(st.integers(1, max(1, self.book[owner, thing][0])) | UNITS)

    def units(self, owner: bytes, asset: bytes) -> int:
        return sum(self.book[owner, asset])

    def holders(self, asset: bytes) -> dict[bytes, int]:
        return {who: sum(both) for (who, what), both in sorted(self.book.items()) if what == asset and any(both)}

    def fits(self, asset: bytes) -> str:
        return "share.unknown-asset" if asset not in self.totals else "asset.ended" if asset in self.ended else ""

    def held(self, owner: bytes, thing: bytes, amount: int) -> str:
        account = self.book[owner, thing]
        if account[0] < amount:
            return "account.too-little"
        account[0] -= amount
        account[1] += amount
        return ""

    def freed(self, owner: bytes, thing: bytes, amount: int, to: bytes | None = None) -> None:
        self.book[owner, thing][1] -= amount
        self.book[owner if to is None else to, thing][0] += amount

    def act(self, number: int, operation: str, expected: str, **fields: Any) -> bytes:
        """What an owner does, a group with the consent of as many as it needs; and that a refusal changed nothing."""
        owner, town = self.owner(number), self.town
        before = {key: value for key, value in town.pairs().items() if key[:4] not in (b"seq/", b"use/")}
        if owner in self.groups:
            needed, *people = self.groups[owner]
            identity, outcome = town.acts(tuple(people[:needed]), owner, operation, **fields)
        else:
            identity, outcome = town.by(number if number < 4 else 0, operation, **fields)
        assert outcome == expected, (operation, outcome, expected)
        if outcome:
            own = (b"act/", b"concerns/", b"due/", b"seq/", b"use/") if owner in self.groups else (b"seq/", b"use/")
            after = {key: value for key, value in town.pairs().items() if not key.startswith(own)}
            assert after == {key: value for key, value in before.items() if not key.startswith(own)}
        return identity

    def lapse(self) -> None:
        """What the due list does, in the book."""
        now = self.town.chain.head.time_ms
        for identity, offer in [one for one in self.offers.items() if one[1]["until"] <= now]:
            self.freed(offer["by"], offer["thing"], offer["amount"])
            del self.offers[identity]
        for identity, lent in [one for one in self.lent.items() if one[1]["until"] <= now]:
            self.give_back(identity, lent)

    def give_back(self, identity: bytes, lent: dict[str, Any]) -> None:
        self.freed(lent["from"], lent["asset"], lent["units"])
        self.rights[lent["right"], lent["asset"], lent["from"]] += lent["units"]
        self.rights[lent["right"], lent["asset"], lent["to"]] -= lent["units"]
        del self.lent[identity]
