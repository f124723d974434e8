"""Who may do what on our connections is said by the final state alone (P-4)."""

from __future__ import annotations

from dpnode.gate import LedgerGate, machine_named
from dpnode.net import Admission
from dpnode.net.api import PeerId
from tests.protocol.stand import ANN, BEN, CAT, Stand


def test_members_machines_are_let_in_and_nobody_else() -> None:
    ann = Stand()
    gate = LedgerGate(lambda: ann.core.chain.state)
    assert gate.may(PeerId(BEN.peer)) is Admission.MEMBER
    assert gate.may(PeerId(CAT.peer)) is Admission.STRANGER


def test_without_a_ledger_everybody_is_a_stranger_but_who_brought_us_in() -> None:
    gate = LedgerGate(lambda: None)
    assert gate.may(PeerId(ANN.peer)) is Admission.STRANGER
    gate.introducers.add(ANN.peer)
    assert gate.may(PeerId(ANN.peer)) is Admission.MEMBER
    assert gate.may(PeerId(BEN.peer)) is Admission.STRANGER


def test_who_left_is_a_stranger_from_that_block_on() -> None:
    ann = Stand()
    gate = LedgerGate(lambda: ann.core.chain.state)
    ann.hand(BEN, ann.entry(BEN, 1, {"t": "membership.leave/1"}))
    assert gate.may(PeerId(BEN.peer)) is Admission.MEMBER
    ann.block()
    assert gate.may(PeerId(BEN.peer)) is Admission.STRANGER


def test_a_machine_is_named_by_its_owner_in_one_safe_line() -> None:
    ann = Stand()
    assert machine_named(ann.core.chain.state, BEN.peer).startswith("ben's machine 12D3Koo")
    assert machine_named(ann.core.chain.state, CAT.peer).startswith("a stranger's machine 12D3Koo")
