"""Random play of everything that is owned together, beside a double-entry book that shares no code with the ledger.

The book knows nothing of operations' forms, overlays or escrow: who has how much free and held of what, what is open,
who belongs where, and a few lines per operation that predict its outcome's code. After every step both agree on every
account and every part in output and use; invariants 1 to 3 and 11 hold, and the history replayed gives the same root.
"""

from __future__ import annotations

import os
from fractions import Fraction
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from ledger.operations import accounts, rights
from ledger.operations.whole import part_id
from ledger.queries import unbalanced
from ledger.state import State
from tests.ledger.operations.share_book import OWNERS, UNITS, ShareBook
from tests.ledger.test_chain import blocks_of, finalize, fresh
from tests.ledger.town import DAY_MS, Person

PEOPLE = st.integers(0, 3)
WAITS = st.sampled_from([1, 2, 3]).map(lambda days: days * DAY_MS)
NEEDS = {"repair": 5_000, "sell": 10_000, "partition": 10_000}


class SharesMachine(ShareBook):
    """The ledger and the book, step by step."""

    # -- what they do

    @initialize(person=PEOPLE, units=st.integers(4, 9))
    def begin(self, person: int, units: int) -> None:
        self.register(person, units)
        self.found(2, [0, 1, 2, 3])
        self.found(1, [3, 1, 2, 0])
        for group in self.groups:
            until, (asset,) = self.town.later(DAY_MS), self.totals
            offer = self.act(person, "shares.offer/1", "", asset=asset, to=group, units=1, until=until)
            self.act(self.number(group), "shares.take/1", "", offer=offer)
            self.book[Person(person).id, asset][0] -= 1
            self.book[group, asset][0] += 1

    @rule(person=PEOPLE, units=UNITS)
    @precondition(lambda self: len(self.totals) < 3)
    def register(self, person: int, units: int) -> None:
        asset = self.act(person, "assets.register/1", "", kind="oven", name="O", units=units)
        self.totals[asset] = units
        self.book[Person(person).id, asset][0] = units

    def found(self, needed: int, people: list[int]) -> None:
        group = self.town.group(needed, tuple((person, 1) for person in people[:2]))
        self.groups[group] = [needed, *people[:2]]
        self.lapse()

    @rule(to=OWNERS, ms=WAITS, data=st.data())
    def offer(self, to: int, ms: int, data: st.DataObject) -> None:
        asset = self.thing(data)
        number = self.pick(data, list(self.holders(asset)))
        owner, target = self.owner(number), self.owner(to)
        units = self.some(data, owner, asset)
        code = self.fits(asset) or ("share.to-self" if owner == target else "") or self.held(owner, asset, units)
        until = self.town.later(ms)
        identity = self.act(number, "shares.offer/1", code, asset=asset, to=target, units=units, until=until)
        if not code:
            self.offers[identity] = {"by": owner, "thing": asset, "amount": units, "until": until, "to": target}

    @rule(number=OWNERS, amount=st.integers(1, 250), ms=WAITS, data=st.data())
    def bid_alone(self, number: int, amount: int, ms: int, data: st.DataObject) -> None:
        self.bid(number, self.thing(data), amount, ms)

    @rule(number=OWNERS, amount=st.integers(1, 90), data=st.data())
    def sale(self, number: int, amount: int, data: st.DataObject) -> None:
        """From the bid to the last vote, if nothing stands against it."""
        asset = self.thing(data)
        self.bid(number, asset, amount, DAY_MS)
        if asset in self.totals:
            self.put_to_the_vote("sell", asset, data)
            self.vote_all(data)

    def bid(self, number: int, asset: bytes, amount: int, ms: int) -> None:
        owner = self.owner(number)
        code = self.fits(asset) or self.held(owner, self.credit, amount)
        until = self.town.later(ms)
        fields = {"amount": amount, "asset": asset, "credit": self.credit, "until": until}
        identity = self.act(number, "shares.bid/1", code, **fields)
        if not code:
            self.offers[identity] = {
                "by": owner, "thing": self.credit, "amount": amount, "until": until, "asset": asset
            }  # fmt: skip

    @rule(data=st.data(), takes=st.sampled_from([True, True, False]))
    @precondition(lambda self: self.offers)
    def take_or_withdraw(self, data: st.DataObject, takes: bool) -> None:
        of_units = [one for one, offer in self.offers.items() if "to" in offer]
        identity = data.draw(st.sampled_from(sorted(of_units if takes and of_units else self.offers)))
        offer = self.offers[identity]
        number = self.pick(data, [offer.get("to", offer["by"]) if takes else offer["by"]])
        owner = self.owner(number)
        if takes:
            code = "share.no-offer" if "asset" in offer else "" if offer["to"] == owner else "share.not-yours"
        else:
            code = "" if owner in (offer["by"], offer.get("to")) else "share.not-yours"
        self.act(number, "shares.take/1" if takes else "shares.withdraw/1", code, offer=identity)
        if not code:
            self.freed(offer["by"], offer["thing"], offer["amount"], owner if takes else None)
            del self.offers[identity]

    @rule(to=OWNERS, right=st.sampled_from(["use", "output"]), ms=WAITS, data=st.data())
    def lend(self, to: int, right: str, ms: int, data: st.DataObject) -> None:
        asset = self.thing(data)
        number = self.pick(data, list(self.holders(asset)))
        owner, target = self.owner(number), self.owner(to)
        units = self.some(data, owner, asset)
        code = self.fits(asset) or ("share.to-self" if owner == target else "") or self.held(owner, asset, units)
        until = self.town.later(ms)
        fields = {"asset": asset, "right": right, "to": target, "units": units, "until": until}
        identity = self.act(number, "shares.lend/1", code, **fields)
        if not code:
            self.lent[identity] = {**fields, "from": owner}
            self.rights[right, asset, owner] -= units
            self.rights[right, asset, target] += units

    @rule(data=st.data())
    @precondition(lambda self: self.lent)
    def give(self, data: st.DataObject) -> None:
        identity = data.draw(st.sampled_from(sorted(self.lent)))
        lent = self.lent[identity]
        number = self.pick(data, [lent["to"]])
        code = "" if lent["to"] == self.owner(number) else "share.not-borrower"
        self.act(number, "shares.return/1", code, lent=identity)
        if not code:
            self.give_back(identity, lent)

    @rule(kind=st.sampled_from(["repair", "sell", "partition", "partition"]), data=st.data())
    def open_one(self, kind: str, data: st.DataObject) -> None:
        asked = [offer["asset"] for offer in self.offers.values() if "asset" in offer]
        self.put_to_the_vote(
            kind, data.draw(st.sampled_from(asked)) if kind == "sell" and asked else self.thing(data), data
        )

    def put_to_the_vote(self, kind: str, asset: bytes, data: st.DataObject) -> None:
        number = self.pick(data, list(self.holders(asset)))
        owner = self.owner(number)
        matter: dict[str, Any] = {"kind": kind, "asset": asset}
        owners = self.holders(asset)
        match kind:
            case "repair":
                matter["what"] = "a belt"
            case "sell":
                bids = [one for one, offer in self.offers.items() if offer.get("asset") == asset]
                matter["bid"] = data.draw(st.sampled_from(sorted(bids) or [bytes(32)]))
            case _:
                some = [{"member": one, "units": 3} for one in owners]
                matter["parts"] = [{"name": "p", "owners": some or [{"member": owner, "units": 3}], "units": 3}] * 2
                matter["parts"][0] = {**matter["parts"][0], "units": max(3, 3 * len(some))}
                matter["parts"][1] = matter["parts"][0]
        mine = [one for one in self.motions.values() if one["by"] == owner and one["until"] > self.town.now_ms]
        until = self.town.later(2 * DAY_MS)
        code = "motion.no-vote" if owner not in owners else "motion.too-many" if len(mine) >= 3 else ""
        code = code or self.judged(matter)
        motion = self.act(number, "motion.open/1", code, matter=matter, until=until)
        if not code:
            self.motions[motion] = {
                "matter": matter, "by": owner, "until": until, "weights": owners, "said": {}, "open": True,
                "opened": self.town.chain.head.time_ms,
            }  # fmt: skip

    def judged(self, matter: dict[str, Any]) -> str:
        asset, kind = matter["asset"], matter["kind"]
        if code := self.fits(asset):
            return code
        if kind == "sell" and matter["bid"] not in self.offers:
            return "share.no-offer"
        if kind == "partition" and {one["member"] for one in matter["parts"][0]["owners"]} != set(self.holders(asset)):
            named = {one["member"] for one in matter["parts"][0]["owners"]}
            return "asset.not-an-owner" if named - set(self.holders(asset)) else "asset.left-out"
        is_held = any(both[1] for (_, what), both in self.book.items() if what == asset)
        return "asset.is-held" if kind != "repair" and is_held else ""

    @rule(data=st.data(), yes=st.sampled_from([True, True, True, False]))
    @precondition(lambda self: self.motions)
    def vote_once(self, data: st.DataObject, yes: bool) -> None:
        identity = data.draw(st.sampled_from(sorted(self.motions)))
        self.vote(identity, self.pick(data, list(self.motions[identity]["weights"])), yes)

    @rule(data=st.data())
    def vote_all(self, data: st.DataObject) -> None:
        """Everybody with a voice who has not said so says yes to one that is open."""
        still = [one for one, motion in self.motions.items() if motion["open"] and motion["until"] > self.town.now_ms]
        if not still:
            return
        identity = data.draw(st.sampled_from(still[-3:]))
        motion = self.motions[identity]
        for owner in list(motion["weights"]):
            if motion["said"].get(owner) is not True and motion["open"]:
                self.vote(identity, self.number(owner), True)

    def vote(self, identity: bytes, number: int, yes: bool) -> None:
        motion, owner = self.motions[identity], self.owner(number)
        able = sum(motion["weights"].values())
        said = {**motion["said"], owner: yes}
        agreed = sum(motion["weights"].get(one, 0) for one, is_yes in said.items() if is_yes)
        needs = Fraction(NEEDS[motion["matter"]["kind"]], 10_000)
        passes = agreed == able or agreed > able * needs
        if not motion["open"] or motion["until"] <= self.town.now_ms:
            code = "motion.not-open"
        elif owner not in motion["weights"]:
            code = "motion.no-vote"
        elif motion["said"].get(owner) is yes:
            code = "motion.said-already"
        elif passes and motion.get("over"):
            code = "asset.changed-hands"
        else:
            code = self.judged(motion["matter"]) if passes else ""
        self.act(number, "motion.vote/1", code, motion=identity, yes=yes)
        if not code:
            motion["said"] = said
            if passes:
                motion["open"] = False
                self.carry_out(identity, motion["matter"])

    def carry_out(self, identity: bytes, matter: dict[str, Any]) -> None:
        asset, owners = matter["asset"], self.holders(matter["asset"])
        if matter["kind"] == "sell":
            bid = self.offers.pop(matter["bid"])
            total, left = sum(owners.values()), bid["amount"]
            shares = {one: bid["amount"] * units // total for one, units in owners.items()}
            left -= sum(shares.values())
            rests = {one: Fraction(bid["amount"] * units, total) % 1 for one, units in owners.items()}
            for one in sorted(owners, key=lambda one: (-rests[one], one))[:left]:
                shares[one] += 1
            self.book[bid["by"], self.credit][1] -= bid["amount"]
            for one, amount in shares.items():
                self.book[one, self.credit][0] += amount
                self.book[one, asset][0] = 0
            self.book[bid["by"], asset][0] = total
            for motion in self.motions.values():
                if motion["matter"]["asset"] == asset:
                    motion["over"] = True
        if matter["kind"] == "partition":
            self.ended.add(asset)
            for one in owners:
                self.book[one, asset][0] = 0
            for number, part in enumerate(matter["parts"]):
                made = part_id(identity, number)
                self.totals[made] = part["units"]
                for one in part["owners"]:
                    self.book[one["member"], made][0] += one["units"]

    @rule(ms=WAITS)
    def wait(self, ms: int) -> None:
        self.town.now_ms += ms
        self.town.done(0, "membership.profile/1")
        self.lapse()

    @rule()
    def replay(self) -> None:
        """S-4: invariant 4, from the charter in one range and from the stored pairs."""
        chain = fresh(self.town)
        chain.take(finalize(chain, blocks_of(self.town)))
        assert chain.state.root == self.town.state.root
        assert State(self.town.state.raw_range(b"")).root == self.town.state.root

    # -- what always holds

    @invariant()
    def every_account_is_as_the_book_says(self) -> None:
        """A-1, A-2, GR-1: invariant 2, of groups as of members."""
        for owner in [*(Person(person).id for person in range(4)), *self.groups]:
            kept = {thing: [free, held] for _, thing, free, held in accounts.holdings(self.town.state, owner)}
            assert kept == {thing: both for (who, thing), both in self.book.items() if who == owner and any(both)}

    @invariant()
    def nothing_is_made_or_lost(self) -> None:
        """R-5, T-4, CO-7, CO-9: invariant 1, holds included."""
        assert unbalanced(self.town.state) == ()
        for asset, total in self.totals.items():
            assert sum(self.holders(asset).values()) == (0 if asset in self.ended else total)

    @invariant()
    def every_hold_has_what_it_is_for(self) -> None:
        """A-3 to A-5, H-5 to H-7, U-2: invariant 3."""
        holds = {key[5:]: one["lines"][0]["amount"] for key, one in self.town.state.range(b"hold/")}
        amounts = {one: offer["amount"] for one, offer in self.offers.items()}
        assert holds == amounts | {one: lent["units"] for one, lent in self.lent.items()}

    @invariant()
    def every_part_in_output_and_use_is_as_the_book_says(self) -> None:
        """U-1."""
        for asset in self.totals:
            for right in rights.RIGHTS:
                everybody = {*self.holders(asset), *(who for what, one, who in self.rights if one == asset)}
                book = {one: self.units(one, asset) + self.rights[right, asset, one] for one in everybody}
                assert dict(rights.parts(self.town.state, asset, right)) == {k: v for k, v in book.items() if v}


class TestSharesBesideABook(SharesMachine.TestCase):  # type: ignore[valid-type, misc]
    """A-1 to A-5, H-4 to H-7, U-1 to U-3, CO-1, CO-2, CO-6 to CO-9, GR-1, GR-6, J-4, T-4, E-5, S-4."""

    settings = settings(max_examples=200 if os.environ.get("CI") else 30, stateful_step_count=40, deadline=None)
