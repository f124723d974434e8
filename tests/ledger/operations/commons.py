"""Members who own machines together: groups, offers, lendings, bids and what co-owners decide, all really signed."""

from __future__ import annotations

from typing import Any

from ledger.operations import accounts
from ledger.operations.parties import group_record
from tests.ledger.operations.council import Council
from tests.ledger.town import DAY_MS, Person

ONE_OF_EACH = ((0, 1), (1, 1), (2, 1))


class Commons(Council):
    """A town whose members own things together."""

    def by(self, person: int, operation: str, /, **fields: Any) -> tuple[bytes, str]:
        """An operation's entry id, and its outcome."""
        entry = self.entry(Person(person).working, operation, fields)
        return entry.id, self.block(entry).blocks[0].outcomes[0]

    def done(self, person: int, operation: str, /, **fields: Any) -> bytes:
        """The id of an entry that was applied."""
        identity, outcome = self.by(person, operation, **fields)
        assert outcome == "", outcome
        return identity

    def why(self, person: int, operation: str, /, **fields: Any) -> str:
        """The code of a refusal that, as it must, changed nothing but number and allowance (E-5, invariant 11)."""
        own = (b"seq/" + Person(person).working.public, b"use/" + Person(person).id)
        before = {key: value for key, value in self.pairs().items() if key not in own}
        _, outcome = self.by(person, operation, **fields)
        if outcome:
            assert {key: value for key, value in self.pairs().items() if key not in own} == before
        return outcome

    def later(self, ms: int) -> int:
        """So long after now."""
        return self.now_ms + ms

    def wait(self, ms: int) -> None:
        """A block so much later, whatever falls due."""
        self.now_ms += ms
        self.block()

    def people_of(self, weights: tuple[tuple[int, int], ...]) -> list[dict[str, Any]]:
        return [{"member": Person(person).id, "weight": weight} for person, weight in weights]

    def group(self, needed: int, weights: tuple[tuple[int, int], ...] = ONE_OF_EACH, **fields: Any) -> bytes:
        """A group that all it asked have joined."""
        founder = weights[0][0]
        people = self.people_of(weights)
        group = self.done(founder, "groups.found/1", members=people, name="Mill", needed=needed, **fields)
        for person, _ in weights[1:]:
            self.done(person, "groups.join/1", group=group, version=1)
        return group

    def group_of(self, group: bytes) -> dict[str, Any]:
        record = group_record(self.state, group)
        assert record is not None
        return record

    def put(self, person: int, group: bytes, operation: str, /, **fields: Any) -> tuple[bytes, str]:
        """An act's id, and the outcome of putting it."""
        until = self.later(DAY_MS)
        return self.by(person, "groups.act/1", act={"t": operation, **fields}, group=group, until=until)

    def acts(self, people: tuple[int, ...], group: bytes, operation: str, /, **fields: Any) -> tuple[bytes, str]:
        """What a group does with the consent of these: the entry that did it, and its outcome."""
        act, outcome = self.put(people[0], group, operation, **fields)
        done = act
        for person in people[1:]:
            assert outcome == ""
            done, outcome = self.by(person, "groups.agree/1", act=act)
        return done, outcome

    def acted(self, people: tuple[int, ...], group: bytes, operation: str, /, **fields: Any) -> bytes:
        """The id of the entry by which a group did something."""
        done, outcome = self.acts(people, group, operation, **fields)
        assert outcome == "", outcome
        return done

    def shared(self, *units: int, **fields: Any) -> bytes:
        """An asset of which the first people own so many units each; the first of them registered it."""
        asset = self.asset(units=sum(units), **fields)
        for person, count in enumerate(units[1:], start=1):
            self.hand(asset, Person(person).id, count, taker=person)
        return asset

    def hand(self, asset: bytes, to: bytes, units: int, *, taker: int, giver: int = 0) -> None:
        """Units pass by an offer."""
        until = self.later(DAY_MS)
        offer = self.done(giver, "shares.offer/1", asset=asset, to=to, units=units, until=until)
        self.done(taker, "shares.take/1", offer=offer)

    def endow(self, group: bytes, people: tuple[int, ...], asset: bytes, units: int) -> None:
        """Units pass to a group."""
        until = self.later(DAY_MS)
        offer = self.done(0, "shares.offer/1", asset=asset, to=group, units=units, until=until)
        self.acted(people, group, "shares.take/1", offer=offer)

    def units(self, owner: bytes, asset: bytes) -> tuple[int, int]:
        """(free, held)."""
        return accounts.free(self.state, owner, "units", asset), accounts.held(self.state, owner, "units", asset)

    def owned(self, asset: bytes) -> dict[bytes, int]:
        """Who has how many units, held ones included."""
        return {owner: free + held for owner, free, held in accounts.holders(self.state, "units", asset)}

    def decide(self, asset: bytes, kind: str, voters: tuple[int, ...], by: int = 0, **matter: Any) -> tuple[bytes, str]:
        """A motion of co-owners, and the outcome of opening it or of the last vote."""
        motion, outcome = self.open({"kind": kind, "asset": asset, **matter}, by)
        for voter in voters:
            assert outcome == "", outcome
            outcome = self.vote(motion, voter)
        return motion, outcome

    def stage(self, motion: bytes) -> str:
        record = self.state.get(b"motion/" + motion)
        assert record is not None
        return str(record["stage"])
