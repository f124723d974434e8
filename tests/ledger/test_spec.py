"""SPEC.md says what the code does: its drawing, its tables and its codes are compared with the code itself."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

from ledger.charter import Limits
from ledger.errors import Reason
from ledger.operations import work_stages
from ledger.operations.assets import AssetReason
from ledger.operations.co_owners import DecisionReason
from ledger.operations.credits import CreditReason
from ledger.operations.evidence import EvidenceReason
from ledger.operations.groups import GroupReason
from ledger.operations.membership import MembershipReason
from ledger.operations.motions import KINDS, MotionReason
from ledger.operations.registry import DUE, OPERATIONS
from ledger.operations.rights import RightReason
from ledger.operations.seats import SeatReason
from ledger.operations.share_offers import OfferReason
from ledger.operations.shares import ShareReason
from ledger.operations.whole import WholeReason
from ledger.operations.work_reasons import WorkReason
from tests.ledger.test_chain import HISTORY

SPEC = (Path(__file__).resolve().parent.parent.parent / "ledger" / "SPEC.md").read_text(encoding="utf-8")
NOT_IN_BLOCKS = {reason.value for reason in Reason if reason.value.startswith("entry.")}
"""Codes that keep an entry out of blocks, and so stand in none."""


def test_the_drawing_of_a_job_is_the_one_printed_from_its_table() -> None:
    """W-11."""
    (drawn,) = re.findall(r"```mermaid\n(.*?)```", SPEC, re.DOTALL)
    assert drawn == work_stages.drawing()


def test_the_table_of_moves_says_what_the_table_in_the_code_says() -> None:
    """W-11, W-26."""
    letters = {"P": work_stages.Party.PROVIDER, "C": work_stages.Party.CUSTOMER, "A": work_stages.Party.ARBITER}
    letters["due"] = work_stages.Party.DUE_LIST
    header = next(line for line in SPEC.splitlines() if line.startswith("| stage |"))
    moves = [work_stages.Move(name.strip()) for name in header.split("|")[3:-1]]
    found = {}
    for line in SPEC.splitlines():
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if len(cells) != len(moves) + 2 or cells[0] in ("stage", "---"):
            continue
        for name in cells[0].split(", "):
            for move, cell in zip(moves, cells[2:], strict=True):
                if cell != "-":
                    who, _, to = cell.partition(": ")
                    parties = {letters[one] for one in who.split()}
                    found[work_stages.Stage(name), move] = parties, {work_stages.Stage(one) for one in to.split(", ")}
    assert found == {at: (set(row.by), set(row.to)) for at, row in work_stages.TABLE.items()}


def test_every_operation_stands_in_a_table_with_its_fields() -> None:
    """E-3, B-7."""
    for operation in OPERATIONS.values():
        rows = [line for line in SPEC.splitlines() if line.startswith(f"| `{operation.name}`")]
        assert len(rows) == 1, f"{operation.name} stands in {len(rows)} rows"
        assert operation.is_reserved is (" R |" in rows[0]), operation.name
        for name in {*operation.form.required, *operation.form.optional} - {"job"}:
            assert re.search(rf"\b{name}\b", rows[0]), f"the row of {operation.name} does not name {name}"
    named = set(re.findall(r"^\| `([a-z]+\.[a-z]+/\d+)`", SPEC, re.MULTILINE))
    assert named == set(OPERATIONS)


def test_every_code_that_can_stand_in_a_block_stands_in_the_tables() -> None:
    """B-6, E-5."""
    families = (
        *(Reason, MembershipReason, CreditReason, AssetReason, ShareReason, WorkReason),
        *(MotionReason, SeatReason, EvidenceReason),
        *(GroupReason, OfferReason, RightReason, DecisionReason, WholeReason),
    )
    codes = {reason.value for family in families for reason in family} - NOT_IN_BLOCKS
    assert {code for code in codes if f"`{code}`" not in SPEC} == set()


def test_every_key_in_a_state_with_history_is_of_a_family_in_the_table() -> None:
    """S-1."""
    table = set(re.findall(r"^\| `([a-z-]+)(?:/?`|/`)", SPEC, re.MULTILINE)) | {"job-ended"}
    families = {key.split(b"/")[0].decode() for key in HISTORY.pairs()}
    assert families - table == set()
    assert {"member", "witnesses", "due", "holding", "job", "standing"} <= table


def test_every_limit_due_kind_and_matter_is_named() -> None:
    """F-5, D-2, J-1."""
    for name in (*(field.name for field in fields(Limits)), *DUE):
        assert f"`{name}`" in SPEC
    matters = dict(re.findall(r'^\| `\{kind: "(\w+)", ([^}]*)\}`', SPEC, re.MULTILINE))
    assert {name: {*re.findall(r"(\w+)\??:", rest)} for name, rest in matters.items()} == {
        name: {*kind.form.required, *kind.form.optional} for name, kind in KINDS.items()
    }
