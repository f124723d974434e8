"""Every stage of a job against every move by everybody: what the ledger takes is what the table in SPEC.md says."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.operations.work_stages import ENDS, TABLE, Move, Party, Stage, drawing
from tests.ledger.operations.work_world import (
    ARBITER,
    CUSTOMER,
    DELIVER_BY_MS,
    PROVIDER,
    SILENCE_MS,
    STRANGER,
    VOID_AFTER_MS,
    in_stage,
)

# Written by hand and kept apart from TABLE on purpose: who may do it, and where it leads with the fields below.
LAW = """
             progress      deliver      receipt     claim       cancel       fail      void       dispute     rule
awarded      P:started     P:delivered  -           -           C:cancelled  P:failed  PC:voided  PC:disputed -
started      P:started     P:delivered  -           -           C:cancelled  P:failed  PC:voided  PC:disputed -
delivered    P:delivered   P:delivered  C:delivered P:started   C:cancelled  P:failed  -          PC:disputed -
rejected     P:rejected    P:delivered  -           -           C:cancelled  P:failed  PC:voided  PC:disputed -
disputed     -             -            -           -           -            P:failed  -          -           A:ruled
done         -             -            -           -           -            -         -          -           -
cancelled    -             -            -           -           -            -         -          -           -
failed       -             -            -           -           -            -         -          -           -
voided       -             -            -           -           -            -         -          -           -
ruled        -             -            -           -           -            -         -          -           -
split        -             -            -           -           -            -         -          -           -
"""
FIELDS: dict[str, dict[str, Any]] = {
    "deliver": {"quantity": 3},
    "receipt": {"accepted": 2},
    "fail": {"reason": "no"},
    "dispute": {"reason": "no"},
    "rule": {"provider_bp": 4_000},
}
LETTERS = {"P": PROVIDER, "C": CUSTOMER, "A": ARBITER, "S": STRANGER}
ENDED = ("done", "cancelled", "failed", "voided", "ruled", "split")
# Late enough for claim and void; the arbiter still has time.
LATE_MS = DELIVER_BY_MS + 2 * VOID_AFTER_MS


def law() -> list[tuple[str, str, str]]:
    heads, *rows = [line.split() for line in LAW.strip().splitlines()]
    return [(row[0], move, cell) for row in rows for move, cell in zip(heads, row[1:], strict=True)]


@pytest.mark.parametrize(("stage", "move", "cell"), law())
@pytest.mark.parametrize("letter", LETTERS)
def test_only_the_party_the_law_names_moves_a_job_and_anything_else_changes_nothing(
    stage: str, move: str, cell: str, letter: str
) -> None:
    """W-11, W-26."""
    world, job = in_stage(stage)
    world.now_ms = max(LATE_MS, world.now_ms)
    before = world.snapshot()
    code = world.do(LETTERS[letter], move, job=job, **FIELDS.get(move, {}))
    parties, _, target = cell.partition(":")
    if letter in parties:
        assert code == ""
        assert world.read(job).stage.value == target
        return
    assert world.snapshot() == before
    if letter == "S":
        assert code == "work.not-a-party"
    elif stage in ENDED:
        assert code == "work.ended"
    elif cell == "-":
        assert code == "work.wrong-stage"
    else:
        assert code == "work.wrong-party"


@pytest.mark.parametrize("stage", [stage.value for stage in Stage])
def test_only_a_disputed_job_is_split_by_time_alone(stage: str) -> None:
    """W-24."""
    world, job = in_stage(stage)
    world.now_ms += 10 * SILENCE_MS
    ran = world.empty_block()
    assert ran == (1 if stage == "disputed" else 0)
    assert world.read(job).stage.value == ("split" if stage == "disputed" else stage)


def test_the_table_and_the_law_written_by_hand_have_the_same_pairs() -> None:
    """W-11: nothing is in the code's table that is not in the law."""
    written = {(Stage(stage), Move(move)) for stage, move, cell in law() if cell != "-"}
    assert set(TABLE) == written | {(Stage.DISPUTED, Move.SILENCE)}


def test_every_stage_can_be_reached_and_every_stage_but_an_end_can_be_left() -> None:
    """W-11."""
    reached = {Stage.AWARDED} | {target for row in TABLE.values() for target in row.to}
    assert reached == set(Stage)
    assert {stage.value for stage in ENDS} == set(ENDED)


def test_no_stage_leaves_a_party_at_the_mercy_of_the_other() -> None:
    """W-11: each side ends a job alone, or it ends by itself; a customer by receipt too, a provider by claim."""
    for stage in set(Stage) - ENDS:
        for party in (Party.CUSTOMER, Party.PROVIDER):
            ways = [row for (at, _), row in TABLE.items() if at is stage and {party, Party.DUE_LIST} & set(row.by)]
            assert any(set(row.to) & ENDS for row in ways), (stage, party)


def test_the_drawing_shows_every_row_of_the_table() -> None:
    """W-11: what is printed in SPEC.md cannot leave a move out."""
    drawn = drawing()
    assert drawn == drawing()
    assert drawn.startswith("stateDiagram-v2\n    [*] --> awarded")
    for (stage, move), row in TABLE.items():
        for target in row.to:
            arrow = next(line for line in drawn.splitlines() if f"{stage.value} --> {target.value}:" in line)
            assert f"{move.value} (" in arrow
    for stage in Stage:
        assert (f"    {stage.value} --> [*]" in drawn.splitlines()) == (stage in ENDS)


def test_a_move_of_a_job_nobody_awarded_is_refused() -> None:
    """W-11."""
    world, _ = in_stage("awarded")
    before = world.snapshot()
    assert world.do(PROVIDER, "progress", job=bytes(32)) == "work.no-such-job"
    assert world.snapshot() == before
