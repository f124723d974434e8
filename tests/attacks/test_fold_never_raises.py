"""Members who sign anything at all: no well-formed operation, however absurd, makes the fold raise.

An exception in the fold would stop every node at the same block, for good. Who signs what stands in `crowd`.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.operations import accounts, rights, witnesses
from ledger.operations.motions import KINDS
from ledger.operations.registry import OPERATIONS
from ledger.operations.work_job import job_from_value
from ledger.queries import owner_ids
from tests.attacks.crowd import Crowd

STEPS = 200


def check_witnesses(crowd: Crowd) -> None:
    """G-1, G-3: the list is never empty, nobody sits twice, and every key that sat is known for good."""
    state = crowd.town.state
    sitting = witnesses.witness_list(state)
    assert 1 <= len(sitting) == len({one["member"] for one in sitting}) == len({one["key"] for one in sitting})
    for one in sitting:
        record = witnesses.seat_record(state, one["key"])
        assert record is not None
        assert (record["member"], "ended" in record) == (one["member"], False)
    for place, _ in state.range(b"evidence/"):
        assert witnesses.seat_record(state, place[9:]) is not None


def check_sums(crowd: Crowd) -> None:
    """Invariants 1 to 3, U-1: nothing was made or lost, and what is held is what holds say."""
    state = crowd.town.state
    held: dict[tuple[bytes, str, bytes], int] = {}
    for _, hold in state.range(b"hold/"):
        for line in hold["lines"]:
            at = (hold["from"], line["kind"], line["id"])
            held[at] = held.get(at, 0) + line["amount"]
    total: dict[tuple[str, bytes], int] = {}
    for owner in owner_ids(state):
        for kind, thing, free, on_hold in accounts.holdings(state, owner):
            assert held.pop((owner, kind, thing), 0) == on_hold
            total[kind, thing] = total.get((kind, thing), 0) + free + on_hold
    assert not any(held.values())
    for place, credit in state.range(b"credit/"):
        assert total.pop(("credit", place[7:]), 0) == credit["issued"] - credit["redeemed"]
    for place, asset in state.range(b"asset/"):
        assert total.pop(("units", place[6:]), 0) == (0 if "ended" in asset else asset["total"])
        for right in rights.RIGHTS:
            parts = dict(rights.parts(state, place[6:], right))
            assert sum(parts.values()) == (0 if "ended" in asset else asset["total"])
            assert all(part > 0 for part in parts.values())
    assert not total
    for place, record in state.range(b"job/"):
        job = job_from_value(place[4:], record)
        left = accounts.hold_left(state, job.id)
        assert ([line["amount"] for line in left] if left else []) == (list(job.left) if job.is_open else [])


def run(seed: int, steps: int = STEPS) -> Crowd:
    crowd = Crowd(seed)
    crowd.start()
    for _ in range(steps):
        crowd.step()
    motions = [record for _, record in crowd.town.state.range(b"motion/") if record["stage"] == "passed"]
    crowd.outcomes |= {f"decided {record['matter']['kind']}" for record in motions}
    check_sums(crowd)
    check_witnesses(crowd)
    return crowd


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32))
def test_whatever_members_sign_the_fold_goes_on_and_loses_nothing(seed: int) -> None:
    """E-5, W-25, invariants 1 to 3 and 11."""
    run(seed)


def test_the_crowd_gets_far_enough_to_mean_something() -> None:
    """Every operation is applied, and refused where a rule can refuse it; else the test above would prove little."""
    seen: set[str] = set()
    for seed in range(40):
        seen |= run(seed).outcomes
    assert {f"decided {name}" for name, kind in KINDS.items() if kind.is_of_owners} - seen == set()
    seen = {one for one in seen if ":" in one}
    applied = {one.partition(":")[0] for one in seen if one.endswith(": ")}
    refused = {one.partition(":")[0] for one in seen if not one.endswith(": ")}
    assert set(OPERATIONS) - applied == set()
    assert set(OPERATIONS) - refused <= {"credits.open/1", "membership.join/1", "membership.profile/1"}
