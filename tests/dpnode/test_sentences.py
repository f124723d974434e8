"""Every entry is told in one sentence, and none in words of its own that break the line."""

from __future__ import annotations

from dpnode.reading.sentences import MATTERS, SENTENCES, sentence
from ledger.operations.motions import KINDS
from ledger.operations.registry import OPERATIONS
from tests.ledger.operations.council import Council
from tests.ledger.town import Person
from tests.vectors.of_ledger import operations


def test_every_operation_and_every_matter_has_a_sentence() -> None:
    assert set(SENTENCES) == set(OPERATIONS)
    assert set(MATTERS) == set(KINDS)
    town = Council(people=3)
    for name, (_, fields) in operations(town).items():
        said = sentence(town.state, {"t": name, **fields}, Person(0).id)
        assert said.startswith("person 0 ")
        assert "\n" not in said, name


def test_a_vote_names_what_it_is_about() -> None:
    town = Council(people=3, witnesses=2)
    motion = town.opened("seat", 2)
    vote = {"motion": motion, "t": "motion.vote/1", "yes": True}
    assert sentence(town.state, vote, Person(1).id).startswith(
        "person 1 says yes to a witness's seat for person 2 (motion-"
    )
    unknown = {"motion": bytes(32), "t": "motion.vote/1", "yes": False}
    assert sentence(town.state, unknown, Person(1).id) == "person 1 says no to motion-aaaaaaaaaa"
