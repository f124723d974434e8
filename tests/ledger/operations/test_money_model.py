"""Random play of money, fractions and held work, beside a double-entry model that shares no code with the ledger.

The model knows nothing of operations' forms, overlays or escrow: it has a book of (who, what) -> [free, held] and a few
lines per operation, and predicts each outcome's code. After every step both agree on every account, and invariants 1
to 3 and 11 hold; after every few steps the whole history is replayed in another batching (invariant 4).
"""

from __future__ import annotations

import os
from collections import defaultdict
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ledger.canonical import INTEGER_MAX
from ledger.operations import accounts
from ledger.operations.work_job import read_job
from ledger.state import State
from ledger.statement import sign_statement
from tests.ledger.test_chain import blocks_of, finalize, fresh
from tests.ledger.town import DAY_MS, Town

PEOPLE = st.integers(0, 3)
AMOUNTS = st.integers(1, 60) | st.sampled_from([INTEGER_MAX, INTEGER_MAX - 100])
THINGS = st.integers(0, 3)


class MoneyMachine(RuleBasedStateMachine):
    """The ledger and the book, step by step."""

    def __init__(self) -> None:
        super().__init__()
        self.town = Town(people=5)
        self.book: dict[tuple[int, bytes], list[int]] = defaultdict(lambda: [0, 0])
        self.credits: list[bytes] = []
        self.issued: dict[bytes, list[int]] = {}
        self.issuer: dict[bytes, int] = {}
        self.assets: dict[bytes, int] = {}
        self.jobs: dict[bytes, dict[str, Any]] = {}
        self.number = 0

    def act(self, person: int, name: str, fields: dict[str, Any], expected: str) -> bytes:
        before = self.town.pairs()
        entry = self.town.entry(self.town.people[person].working, name, fields)
        (outcome,) = self.town.block(entry).blocks[0].outcomes
        assert outcome == expected, (name, outcome, expected)
        if outcome:
            own = (b"seq/" + entry.key, b"use/" + self.town.people[person].id)
            after = self.town.pairs()
            assert {k: v for k, v in after.items() if k not in own} == {k: v for k, v in before.items() if k not in own}
        return entry.id

    def thing(self, number: int, things: Any) -> bytes:
        known = list(things)
        return known[number % len(known)] if known else bytes(32)

    def spend(self, person: int, thing: bytes, amount: int) -> str:
        account = self.book[person, thing]
        if account[0] < amount:
            return "account.too-little"
        account[0] -= amount
        return ""

    @rule(person=PEOPLE)
    @precondition(lambda self: len(self.credits) < 3)
    def open_credit(self, person: int) -> None:
        fields = {"decimals": 2, "redeemable": "bread", "unit": "EUR"}
        credit = self.act(person, "credits.open/1", fields, "")
        self.credits.append(credit)
        self.issued[credit] = [0, 0]
        self.issuer[credit] = person

    @rule(person=PEOPLE, to=PEOPLE, number=THINGS, amount=AMOUNTS)
    def issue(self, person: int, to: int, number: int, amount: int) -> None:
        credit = self.thing(number, self.credits)
        if credit not in self.issuer:
            code = "credit.unknown"
        elif self.issuer[credit] != person:
            code = "credit.not-issuer"
        elif self.issued[credit][0] + amount > INTEGER_MAX:
            code = "account.too-much"
        else:
            code = ""
            self.issued[credit][0] += amount
            self.book[to, credit][0] += amount
        self.act(person, "credits.issue/1", {"amount": amount, "credit": credit, "to": self.id(to)}, code)

    def id(self, person: int) -> bytes:
        return self.town.people[person].id

    @rule(person=PEOPLE, to=PEOPLE, number=THINGS, amount=AMOUNTS)
    def pay(self, person: int, to: int, number: int, amount: int) -> None:
        credit = self.thing(number, self.credits)
        if to == person:
            code = "credit.to-self"
        elif credit not in self.issuer:
            code = "credit.unknown"
        else:
            code = self.spend(person, credit, amount)
            if not code:
                self.book[to, credit][0] += amount
        self.act(person, "credits.pay/1", {"amount": amount, "credit": credit, "to": self.id(to)}, code)

    @rule(person=PEOPLE, number=THINGS, amount=AMOUNTS)
    def redeem(self, person: int, number: int, amount: int) -> None:
        credit = self.thing(number, self.credits)
        if credit not in self.issuer:
            code = "credit.unknown"
        elif self.issuer[credit] != person:
            code = "credit.not-issuer"
        else:
            code = self.spend(person, credit, amount)
            if not code:
                self.issued[credit][1] += amount
        self.act(person, "credits.redeem/1", {"amount": amount, "credit": credit}, code)

    @rule(person=PEOPLE, units=st.integers(1, 50))
    @precondition(lambda self: len(self.assets) < 2)
    def register(self, person: int, units: int) -> None:
        asset = self.act(person, "assets.register/1", {"kind": "oven", "name": "O", "units": units}, "")
        self.assets[asset] = units
        self.book[person, asset][0] = units

    @rule(person=PEOPLE, to=PEOPLE, number=THINGS, units=st.integers(1, 60), accepts=st.booleans())
    def transfer(self, person: int, to: int, number: int, units: int, accepts: bool) -> None:
        asset = self.thing(number, self.assets)
        fields: dict[str, Any] = {"asset": asset, "to": self.id(to), "units": units}
        if accepts:
            self.number += 1
            nonce = self.number.to_bytes(16, "big")
            fields["accept"] = self.town.acceptance(person, to, units, asset=asset, nonce=nonce).to_value()
        if asset not in self.assets:
            code = "share.unknown-asset"
        elif to == person:
            code = "share.to-self"
        elif not accepts:
            code = "share.not-accepted"
        else:
            code = self.spend(person, asset, units)
            if not code:
                self.book[to, asset][0] += units
        self.act(person, "shares.transfer/1", fields, code)

    @rule(customer=PEOPLE, provider=PEOPLE, money=st.integers(0, 80), units=st.integers(0, 20), data=st.data())
    @precondition(lambda self: self.credits and self.assets)
    def award(self, customer: int, provider: int, money: int, units: int, data: st.DataObject) -> None:
        credit, asset = data.draw(st.sampled_from(self.credits)), data.draw(st.sampled_from(sorted(self.assets)))
        self.number += 1
        quantity = data.draw(st.integers(1, 7))
        price = [
            {"amount": money, "id": credit, "kind": "credit"},
            {"amount": units, "id": asset, "kind": "units"},
        ]
        spans = {"inspection_ms": DAY_MS, "silence_ms": DAY_MS, "silence_split_bp": 5000, "void_after_ms": DAY_MS}
        content = {
            "arbiters": [self.id(4)],
            "call": self.number.to_bytes(32, "big"),
            "customer": self.id(customer),
            "deliver_by": self.town.now_ms + DAY_MS,
            "function": b"f" * 32,
            "network": self.town.network,
            "nonce": bytes(16),
            "parameters": {},
            "price": price,
            "provider": self.id(provider),
            "quantity": quantity,
            "terms": {"cancel": {"awarded": 1000, "delivered": 10_000, "started": 3333}, **spans},
            "until": self.town.now_ms + DAY_MS,
        }
        proposal = sign_statement("proposal", content, self.town.people[provider].working)
        wanted = ((credit, money), (asset, units))
        if customer == provider:
            code = "work.self-dealing"
        elif any(self.book[customer, thing][0] < amount for thing, amount in wanted):
            code = "account.too-little"
        else:
            code = ""
            for thing, amount in wanted:
                self.book[customer, thing][0] -= amount
                self.book[customer, thing][1] += amount
            self.jobs[proposal.id] = {
                "customer": customer, "provider": provider, "quantity": quantity, "accepted": 0,
                "price": wanted, "paid": [0, 0], "started": False,
            }  # fmt: skip
        self.act(customer, "work.award/1", {"proposals": [proposal.to_value()]}, code)

    def settle(self, job: dict[str, Any], pays: list[int], *, ends: bool) -> None:
        for i, (thing, amount) in enumerate(job["price"]):
            job["paid"][i] += pays[i]
            self.book[job["customer"], thing][1] -= pays[i]
            self.book[job["provider"], thing][0] += pays[i]
            if ends:
                rest = amount - job["paid"][i]
                self.book[job["customer"], thing][1] -= rest
                self.book[job["customer"], thing][0] += rest

    @rule(data=st.data())
    @precondition(lambda self: self.jobs)
    def deliver_and_accept(self, data: st.DataObject) -> None:
        job_id = data.draw(st.sampled_from(sorted(self.jobs)))
        job = self.jobs[job_id]
        pieces = data.draw(st.integers(1, job["quantity"] - job["accepted"]))
        self.act(job["provider"], "work.deliver/1", {"job": job_id, "quantity": pieces}, "")
        self.act(job["customer"], "work.receipt/1", {"accepted": pieces, "job": job_id}, "")
        job["accepted"] += pieces
        job["started"] = True
        done = job["accepted"] == job["quantity"]
        due = [amount * job["accepted"] // job["quantity"] for _, amount in job["price"]]
        self.settle(job, [now - before for now, before in zip(due, job["paid"], strict=True)], ends=done)
        if done:
            self.end(job_id)

    @rule(data=st.data(), how=st.sampled_from(["fail", "cancel", "rule", "silence"]), share=st.integers(0, 10_000))
    @precondition(lambda self: self.jobs)
    def give_up(self, data: st.DataObject, how: str, share: int) -> None:
        job_id = data.draw(st.sampled_from(sorted(self.jobs)))
        job = self.jobs[job_id]
        left = [amount - paid for (_, amount), paid in zip(job["price"], job["paid"], strict=True)]
        said = {"job": job_id, "reason": "no"}
        if how == "fail":
            self.act(job["provider"], "work.fail/1", said, "")
            share = 0
        elif how == "cancel":
            self.act(job["customer"], "work.cancel/1", {"job": job_id}, "")
            share = 3333 if job["started"] else 1000
        elif not any(left):
            self.act(job["customer"], "work.dispute/1", said, "work.nothing-held")
            return
        else:
            self.act(job["customer"], "work.dispute/1", said, "")
            if how == "rule":
                self.act(4, "work.rule/1", {"job": job_id, "provider_bp": share}, "")
            else:
                self.town.now_ms += DAY_MS
                self.town.block()
                share = 5000
        self.settle(job, [amount * share // 10_000 for amount in left], ends=True)
        self.end(job_id)

    def end(self, job_id: bytes) -> None:
        """Invariant 3: a hold ends exactly once; the parts sum to the whole."""
        job = self.jobs.pop(job_id)
        assert accounts.hold_left(self.town.state, job_id) is None
        kept = read_job(self.town.state, job_id)
        assert kept is not None
        assert list(kept.paid) == job["paid"]
        self.act(job["customer"], "work.cancel/1", {"job": job_id}, "work.ended")

    @rule(restart=st.booleans())
    def replay(self, restart: bool) -> None:
        """S-4: invariant 4, from the charter in one range and from the stored pairs."""
        if self.town.steps:
            chain = fresh(self.town)
            chain.take(finalize(chain, blocks_of(self.town)))
            assert chain.state.root == self.town.state.root
        if restart:
            assert State(self.town.state.raw_range(b"")).root == self.town.state.root

    @invariant()
    def every_account_is_as_the_book_says(self) -> None:
        """A-1, A-2: invariant 2."""
        for person in range(5):
            kept = {thing: (free, held) for _, thing, free, held in accounts.holdings(self.town.state, self.id(person))}
            book = {
                thing: (free, held) for (who, thing), (free, held) in self.book.items() if who == person and free + held
            }
            assert kept == book
            assert all(free >= 0 and held >= 0 for free, held in kept.values())

    @invariant()
    def nothing_is_made_or_lost(self) -> None:
        """R-5, T-4: invariant 1, holds included."""
        for credit, (issued, redeemed) in self.issued.items():
            assert self.total("credit", credit) == issued - redeemed
        for asset, units in self.assets.items():
            assert self.total("units", asset) == units
        for job_id, job in self.jobs.items():
            left = accounts.hold_left(self.town.state, job_id)
            assert left is not None
            assert [line["amount"] for line in left] == [
                amount - paid for (_, amount), paid in zip(job["price"], job["paid"], strict=True)
            ]

    def total(self, kind: str, thing: bytes) -> int:
        return sum(free + held for _, free, held in accounts.holders(self.town.state, kind, thing))


class TestMoneyBesideABook(MoneyMachine.TestCase):  # type: ignore[valid-type, misc]
    """A-1 to A-5, R-1 to R-5, T-4, H-1, E-5, S-4."""

    settings = settings(max_examples=200 if os.environ.get("CI") else 40, stateful_step_count=40, deadline=None)
