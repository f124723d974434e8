"""Members who decide together: motions, votes, seats and witnesses' double votes, all really signed."""

from __future__ import annotations

from typing import Any

from ledger.consensus.votes import VoteKind, sign_vote, vote_statement
from ledger.keys import SigningKey
from ledger.operations import witnesses
from ledger.operations.evidence import evidence_fields
from ledger.operations.seats import PURPOSE, rekey_consent, seat_consent
from ledger.statement import Statement, sign_statement
from tests.ledger.town import DAY_MS, Person, Town, key


class Council(Town):
    """A town whose members open motions and take seats."""

    def matter(self, kind: str, person: int) -> dict[str, Any]:
        return {"kind": kind, "member": Person(person).id}

    def open(self, matter: dict[str, Any], by: int = 0, **fields: Any) -> tuple[bytes, str]:
        """A motion's id, and the outcome of opening it."""
        fields = {"matter": matter, "until": self.now_ms + DAY_MS, **fields}
        entry = self.entry(Person(by).working, "motion.open/1", fields)
        return entry.id, self.block(entry).blocks[0].outcomes[0]

    def opened(self, kind: str, person: int, by: int = 0, **fields: Any) -> bytes:
        """The id of a motion that was opened."""
        motion, outcome = self.open(self.matter(kind, person), by, **fields)
        assert outcome == ""
        return motion

    def vote(self, motion: bytes, by: int = 0, *, yes: bool = True) -> str:
        return self.do(Person(by).working, "motion.vote/1", {"motion": motion, "yes": yes})

    def passed(self, kind: str, person: int, **fields: Any) -> bytes:
        """A motion that all who are needed said yes to."""
        motion = self.opened(kind, person, **fields)
        for by in range(len(self.people) // 2 + 1):
            assert self.vote(motion, by) == ""
        return motion

    def consent(self, motion: bytes, person: int, voting: SigningKey | None = None, **changes: Any) -> Statement:
        """A new voting key's word that it takes a seat."""
        content = {**seat_consent(self.network, Person(person).id, motion), **changes}
        return sign_statement(PURPOSE, content, voting or Person(person).voting)

    def accept(self, motion: bytes, person: int, statement: Statement | None = None) -> str:
        """Have a member take a seat."""
        said = statement or self.consent(motion, person)
        return self.do(Person(person).working, "seat.accept/1", {"consent": said.to_value(), "motion": motion})

    def seat(self, person: int) -> None:
        """Have the members make somebody a witness."""
        assert self.accept(self.passed("seat", person), person) == ""

    def following(self, person: int, voting: SigningKey, **changes: Any) -> Statement:
        """A fresh voting key's word that it follows the one that sits."""
        old = witnesses.voting_key_of(self.state, Person(person).id) or bytes(32)
        return sign_statement(PURPOSE, {**rekey_consent(self.network, Person(person).id, old), **changes}, voting)

    def rekey(self, person: int, voting: SigningKey, **changes: Any) -> str:
        """Have a witness replace its voting key."""
        fields = {"consent": self.following(person, voting, **changes).to_value()}
        return self.do(Person(person).working, "seat.rekey/1", fields)

    def cast(
        self,
        kind: VoteKind,
        block: bytes = b"",
        signer: SigningKey | None = None,
        *,
        view: int = 3,
        epoch: int = 1,
        network: bytes = b"",
    ) -> Statement:
        """A vote, signed by the second witness unless another key is given."""
        voting, where = signer or Person(1).voting, network or self.network
        signature = sign_vote(voting, where, epoch, view, kind, block)
        return vote_statement(where, voting.public, epoch=epoch, view=view, kind=kind, block=block, signature=signature)

    def convict(self, first: Statement, second: Statement, by: int = 0) -> str:
        """Have a member record two votes."""
        return self.do(Person(by).working, "evidence.votes/1", evidence_fields(first, second))

    @property
    def sitting(self) -> list[int]:
        """The numbers of the people who are witnesses, by place."""
        numbers = {Person(i).id: i for i in range(20)}
        return [numbers[one["member"]] for one in witnesses.witness_list(self.state)]

    @property
    def epoch(self) -> int:
        found: dict[str, Any] = self.state.get(witnesses.WITNESSES) or {}
        return int(found["epoch"])


def spare(number: int) -> SigningKey:
    """A fresh voting key."""
    return key("spare voting", number)
