"""Groups: nobody belongs unasked, what is needed is what counts, and a group does only what enough of it agreed to."""

from __future__ import annotations

from ledger.fold import is_fully_signed
from ledger.operations import accounts, parties
from ledger.operations.group_acts import ACTS_MAX, act_record
from ledger.operations.registry import OPERATIONS
from ledger.queries import owner_ids, unbalanced
from tests.ledger.operations.commons import Commons
from tests.ledger.town import DAY_MS, Person


def test_a_group_is_founded_by_one_of_its_people_and_asks_the_others() -> None:
    """GR-1, GR-2."""
    town = Commons(people=4)
    people = town.people_of(((0, 3), (1, 2)))
    group = town.done(0, "groups.found/1", members=people, name="Mill", needed=4)
    assert town.group_of(group) == {
        "asked": people[1:], "by": Person(0).id, "founded": town.steps[-1].head.time_ms, "members": people[:1],
        "name": "Mill", "needed": 4, "version": 1,
    }  # fmt: skip
    assert parties.groups_of(town.state, Person(0).id) == [group]
    assert parties.groups_of(town.state, Person(1).id) == []
    assert (parties.can_own(town.state, group), parties.is_group(town.state, Person(0).id)) == (True, False)
    assert list(owner_ids(town.state))[-1] == group


def test_a_founding_that_breaks_a_rule_is_refused_by_its_code() -> None:
    """GR-2."""
    town = Commons(people=3)
    for weights, needed, code in (
        (((0, 1), (1, 1), (1, 1)), 1, "group.member-twice"),
        (((0, 1), (9, 1)), 1, "member.unknown"),
        (((1, 1), (2, 1)), 1, "group.without-founder"),
        (((0, 1), (1, 2)), 4, "group.needed"),
        (((0, 1), (1, 2)), 2**53 - 1, "group.needed"),
    ):
        fields = {"members": town.people_of(weights), "name": "Mill", "needed": needed}
        assert town.why(0, "groups.found/1", **fields) == code


def test_nobody_belongs_to_a_group_unasked_or_under_other_terms_than_they_saw() -> None:
    """GR-3."""
    town = Commons(people=4)
    group = town.done(0, "groups.found/1", members=town.people_of(((0, 3), (1, 1))), name="Mill", needed=3)
    assert town.why(2, "groups.join/1", group=group, version=1) == "group.not-asked"
    assert town.why(1, "groups.join/1", group=bytes(32), version=1) == "group.unknown"
    town.acted((0,), group, "groups.change/1", needed=4)
    assert town.why(1, "groups.join/1", group=group, version=1) == "group.changed"
    town.done(1, "groups.join/1", group=group, version=2)
    assert town.why(1, "groups.join/1", group=group, version=2) == "group.not-asked"
    assert [one["member"] for one in town.group_of(group)["members"]] == [Person(0).id, Person(1).id]


def test_what_a_group_needs_falls_with_those_who_leave_and_the_last_leaves_nothing_behind() -> None:
    """GR-4."""
    town = Commons(people=4)
    group = town.group(3)
    assert town.why(3, "groups.leave/1", group=group) == "group.not-a-member"
    assert town.why(0, "groups.leave/1", group=bytes(32)) == "group.unknown"
    town.done(0, "groups.leave/1", group=group)
    assert town.group_of(group)["needed"] == 2
    town.done(1, "groups.leave/1", group=group)
    assert town.group_of(group)["needed"] == 1
    credit = town.credit(amount=5)
    town.done(0, "credits.pay/1", amount=5, credit=credit, to=group)
    assert town.why(2, "groups.leave/1", group=group) == "group.still-owns"
    town.acted((2,), group, "credits.pay/1", amount=5, credit=credit, to=Person(2).id)
    town.done(2, "groups.leave/1", group=group)
    assert not parties.can_own(town.state, group)
    assert town.why(2, "groups.leave/1", group=group) == "group.unknown"
    assert town.why(0, "credits.pay/1", amount=1, credit=credit, to=group) == "member.unknown"
    assert town.put(2, group, "groups.change/1", name="Ghost")[1] == "group.unknown"


def test_who_is_asked_may_decline() -> None:
    """GR-4."""
    town = Commons(people=3)
    group = town.done(0, "groups.found/1", members=town.people_of(((0, 1), (1, 5))), name="Mill", needed=6)
    town.done(1, "groups.leave/1", group=group)
    assert (town.group_of(group)["asked"], town.group_of(group)["needed"]) == ([], 1)


def test_who_belongs_to_a_group_does_not_leave_the_network() -> None:
    """M-12."""
    town = Commons(people=3)
    group = town.group(1)
    assert town.why(2, "membership.leave/1") == "member.in-group"
    town.done(2, "groups.leave/1", group=group)
    town.done(2, "membership.leave/1")


def test_a_group_changes_itself_only_by_an_act_of_its_own() -> None:
    """GR-5."""
    town = Commons(people=5)
    group = town.group(2)
    assert town.why(0, "groups.change/1", needed=1) == "group.only-as-act"
    act = town.acted((0, 1), group, "groups.change/1", name="Old mill", gifts=True)
    assert (town.group_of(group)["name"], town.group_of(group)["gifts"]) == ("Old mill", True)
    assert act_record(town.state, act) is None
    town.acted((0, 1), group, "groups.change/1", gifts=False, remove=[Person(2).id], ask=town.people_of(((3, 7),)))
    record = town.group_of(group)
    assert ("gifts" in record, record["needed"], record["version"]) == (False, 2, 3)
    assert ([one["member"] for one in record["asked"]], len(record["members"])) == ([Person(3).id], 2)
    for fields, code in (
        ({"remove": [Person(4).id]}, "group.not-a-member"),
        ({"ask": town.people_of(((1, 1),))}, "group.member-twice"),
        ({"ask": town.people_of(((4, 1), (4, 2)))}, "group.member-twice"),
        ({"ask": town.people_of(((9, 1),))}, "member.unknown"),
        ({"needed": 10}, "group.needed"),
        ({"remove": [Person(0).id, Person(1).id]}, "group.needed"),
    ):
        assert town.acts((0, 1), group, "groups.change/1", **fields)[1] == code


def test_a_group_acts_with_the_consent_that_makes_enough_and_not_before() -> None:
    """GR-6."""
    town = Commons(people=4)
    group = town.group(5, ((0, 2), (1, 2), (2, 3)))
    credit = town.credit(amount=10)
    town.done(0, "credits.pay/1", amount=10, credit=credit, to=group)
    pay = {"amount": 4, "credit": credit, "to": Person(3).id}
    assert town.put(3, group, "credits.pay/1", **pay)[1] == "group.not-a-member"
    assert town.put(0, bytes(32), "credits.pay/1", **pay)[1] == "group.unknown"
    act, outcome = town.put(0, group, "credits.pay/1", **pay)
    assert (outcome, town.free(3, credit)) == ("", 0)
    assert town.why(0, "groups.agree/1", act=act) == "group.agreed-already"
    assert town.why(3, "groups.agree/1", act=act) == "group.not-a-member"
    town.done(1, "groups.agree/1", act=act)
    assert town.free(3, credit) == 0
    town.done(2, "groups.agree/1", act=act)
    assert (town.free(3, credit), accounts.free(town.state, group, "credit", credit)) == (4, 6)
    assert town.why(2, "groups.agree/1", act=act) == "group.no-act"
    assert unbalanced(town.state) == ()


def test_one_who_is_enough_alone_acts_at_once() -> None:
    """GR-6."""
    town = Commons(people=3)
    group = town.group(1)
    credit = town.credit(amount=10)
    town.done(0, "credits.pay/1", amount=10, credit=credit, to=group)
    town.acted((2,), group, "credits.pay/1", amount=10, credit=credit, to=Person(2).id)
    assert town.free(2, credit) == 10
    assert list(town.state.raw_range(b"act/")) == []


def test_an_act_that_is_refused_stays_as_it_was_and_can_be_tried_again() -> None:
    """GR-6, E-5."""
    town = Commons(people=3)
    group = town.group(2)
    credit = town.credit(amount=10)
    act, _ = town.put(0, group, "credits.pay/1", amount=7, credit=credit, to=Person(2).id)
    assert town.why(1, "groups.agree/1", act=act) == "account.too-little"
    town.done(0, "credits.pay/1", amount=7, credit=credit, to=group)
    town.done(1, "groups.agree/1", act=act)
    assert town.free(2, credit) == 7


def test_only_who_belongs_when_it_is_done_counts() -> None:
    """GR-6: a consent given before a removal decides nothing afterwards."""
    town = Commons(people=4)
    group = town.group(2, ((0, 1), (1, 1), (2, 1), (3, 1)))
    act, _ = town.put(0, group, "groups.change/1", name="Zero's mill")
    town.acted((1, 2), group, "groups.change/1", remove=[Person(0).id])
    town.done(3, "groups.agree/1", act=act)
    assert town.group_of(group)["name"] == "Mill"
    town.done(1, "groups.agree/1", act=act)
    assert town.group_of(group)["name"] == "Zero's mill"


def test_what_a_group_needs_less_of_is_done_by_who_agreed_already() -> None:
    """GR-4, GR-6."""
    town = Commons(people=3)
    group = town.group(3)
    act, _ = town.put(0, group, "groups.change/1", name="Two")
    town.done(1, "groups.agree/1", act=act)
    town.done(2, "groups.leave/1", group=group)
    town.done(0, "groups.agree/1", act=act)
    assert town.group_of(group)["name"] == "Two"


def test_a_consent_is_taken_back_and_an_act_lapses() -> None:
    """GR-7, D-2."""
    town = Commons(people=4)
    group = town.group(3)
    act, _ = town.put(0, group, "groups.change/1", name="New")
    town.done(1, "groups.agree/1", act=act)
    assert town.why(2, "groups.disagree/1", act=act) == "group.not-agreed"
    assert town.why(2, "groups.disagree/1", act=bytes(32)) == "group.no-act"
    town.done(0, "groups.disagree/1", act=act)
    town.done(2, "groups.agree/1", act=act)
    assert town.group_of(group)["name"] == "Mill"
    town.done(2, "groups.disagree/1", act=act)
    town.done(1, "groups.disagree/1", act=act)
    assert act_record(town.state, act) is None
    assert town.chain.next_due_ms() is None
    act, _ = town.put(0, group, "groups.change/1", name="New")
    town.wait(DAY_MS)
    assert town.why(1, "groups.agree/1", act=act) == "group.no-act"
    assert list(town.state.raw_range(b"concerns/")) == []


def test_an_act_is_open_within_the_charters_time() -> None:
    """GR-7."""
    town = Commons(people=3)
    group, limit = town.group(2), town.charter.limits.motion_ms
    act = {"t": "groups.change/1", "name": "New"}
    for ms in (0, limit + 1):
        assert town.why(0, "groups.act/1", act=act, group=group, until=town.later(ms)) == "group.length"
    town.done(0, "groups.act/1", act=act, group=group, until=town.later(limit))


def test_a_group_has_a_bounded_number_of_open_acts() -> None:
    """GR-6."""
    town = Commons(people=3)
    group = town.group(2)
    for number in range(ACTS_MAX):
        assert town.put(0, group, "groups.change/1", name=f"{number}")[1] == ""
    assert town.put(1, group, "groups.change/1", name="one more")[1] == "group.too-many-acts"


def test_a_group_does_what_the_specification_lists_and_nothing_else() -> None:
    """GR-6."""
    shares = ("transfer", "offer", "take", "bid", "withdraw", "lend", "return", "static")
    assert {name for name, operation in OPERATIONS.items() if operation.for_groups} == {
        *(f"shares.{one}/1" for one in shares),
        *("credits.pay/1", "motion.open/1", "motion.vote/1", "motion.withdraw/1", "groups.change/1"),
    }


def test_a_group_has_no_vote_among_all_members() -> None:
    """GR-1, J-2."""
    town = Commons(people=3)
    group = town.group(1)
    matter = {"kind": "seat", "member": Person(1).id}
    fields = {"matter": matter, "until": town.later(DAY_MS)}
    assert town.acts((0,), group, "motion.open/1", **fields)[1] == "motion.no-vote"


def test_a_statement_inside_an_act_is_signed_or_the_act_stands_in_no_block() -> None:
    """GR-6, E-3."""
    town = Commons(people=3)
    asset, group = town.asset(units=10), town.group(2)
    accept = town.acceptance(0, 2, 3, asset=asset, **{"from": group})
    transfer = {"t": "shares.transfer/1", "asset": asset, "to": Person(2).id, "units": 3}
    fields = {"group": group, "until": town.later(DAY_MS)}
    for signature, is_right in ((accept.signature, True), (bytes(64), False)):
        act = {**transfer, "accept": {**accept.to_value(), "sig": signature}}
        entry = town.entry(Person(0).working, "groups.act/1", {**fields, "act": act})
        assert is_fully_signed(entry) is is_right
    inner = {**transfer, "t": "groups.found/1"}
    assert town.why_left(town.entry(Person(0).working, "groups.act/1", {**fields, "act": inner})) == "entry.malformed"
