"""Every entry is told in one sentence, and none in words of its own that break the line."""

from __future__ import annotations

from dpnode.reading.sentences import MATTERS, SENTENCES, matter_called, sentence
from ledger.operations.motions import KINDS
from ledger.operations.registry import OPERATIONS
from tests.ledger.operations.commons import Commons
from tests.ledger.operations.council import Council
from tests.ledger.town import DAY_MS, Person
from tests.vectors.of_ledger import operations


def test_every_operation_and_every_matter_has_a_sentence() -> None:
    assert set(SENTENCES) == set(OPERATIONS)
    assert set(MATTERS) == {name for name, kind in KINDS.items() if not kind.is_of_owners}
    town = Council(people=3)
    for name, (_, fields) in operations(town).items():
        said = sentence(town.state, {"t": name, **fields}, Person(0).id)
        assert said.startswith("person 0 ")
        assert "\n" not in said, name


def test_what_co_owners_decide_is_said_in_one_line() -> None:
    town = Commons(people=3)
    asset, credit, group = town.shared(60, 40), town.credit(amount=100, to=2), town.group(2)
    bid = town.done(2, "shares.bid/1", amount=50, asset=asset, credit=credit, until=town.later(DAY_MS))
    use = {"amount": {"d": 2, "n": 7, "u": "h"}, "per_ms": DAY_MS, "what": "time"}
    part = {"name": "east", "owners": [{"member": Person(1).id, "units": 1}], "units": 1}
    for matter, said in (
        ({"kind": "operator", "operator": group}, "Mill as operator of P1"),
        ({"kind": "repair", "what": "a\nbelt"}, "a repair of P1: a belt"),
        ({"kind": "repair", "what": "it", "cost": {"amount": 5, "credit": credit}}, "a repair of P1 for 0.05 EUR: it"),
        ({"kind": "sell", "bid": bid}, "selling P1 whole to person 2 for 0.50 EUR"),
        ({"kind": "sell", "bid": bytes(32)}, "selling P1 whole"),
        (
            {"kind": "terms", "needs": {"sell": 6_667, "uses": 5_000, "terms": 10_000}},
            "terms of P1: sell more than 66.67 %, terms all, uses more than 50 %",
        ),
        ({"kind": "uses", "uses": [use]}, "the use of P1: 7/2 h of time"),
        ({"kind": "uses", "uses": []}, "the use of P1: none"),
        ({"kind": "partition", "parts": [part, {**part, "name": "west"}]}, "dividing P1 into east and west"),
    ):
        assert matter_called(town.state, {"asset": asset, **matter}) == said
    act, _ = town.put(0, group, "credits.pay/1", amount=5, credit=credit, to=Person(2).id)
    agreed = {"t": "groups.agree/1", "act": act}
    assert sentence(town.state, agreed, Person(1).id) == "person 1 agrees that Mill pays 0.05 EUR to person 2"


def test_a_vote_names_what_it_is_about() -> None:
    town = Council(people=3, witnesses=2)
    motion = town.opened("seat", 2)
    vote = {"motion": motion, "t": "motion.vote/1", "yes": True}
    assert sentence(town.state, vote, Person(1).id).startswith(
        "person 1 says yes to a witness's seat for person 2 (motion-"
    )
    unknown = {"motion": bytes(32), "t": "motion.vote/1", "yes": False}
    assert sentence(town.state, unknown, Person(1).id) == "person 1 says no to motion-aaaaaaaaaa"
