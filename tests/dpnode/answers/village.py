"""A ledger in which everything happened once: three members, a credit, a shared printer, and a job paid in parts."""

from __future__ import annotations

from pathlib import Path

from ledger.canonical import Value
from ledger.names import Kind, show_id
from ledger.operations.work_terms import PURPOSE
from ledger.statement import Statement, sign_statement
from tests.dpnode.answers.grown import Grown, Person

DAY_MS = 86_400_000


class Village(Grown):
    """Ada founds, Bob prints, Cleo pays; Ada is the arbiter."""

    hours: bytes
    """A second credit, for tests that open one."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.bob = self.join("Bob", 2)
        self.cleo = self.join("Cleo", 3)
        self.credit = self.record(
            self.ada, {"t": "credits.open/1", "decimals": 2, "redeemable": "bread at Ada's", "unit": "EUR"}
        )
        self.issued = self.record(
            self.ada, {"t": "credits.issue/1", "amount": 10_000, "credit": self.credit, "to": self.cleo.id}
        )
        self.paid = self.record(
            self.cleo,
            {"t": "credits.pay/1", "amount": 1_250, "credit": self.credit, "note": "for eggs", "to": self.bob.id},
        )
        self.printer = self.record(
            self.bob, {"t": "assets.register/1", "kind": "3d-printer", "maker": "Prusa", "name": "printer"}
        )
        accept = self.accepts(self.cleo, self.bob, self.printer, 250_000)
        transfer: dict[str, Value] = {
            "t": "shares.transfer/1",
            "accept": accept.to_value(),
            "asset": self.printer,
            "to": self.cleo.id,
            "units": 250_000,
        }
        self.transfer = self.record(self.bob, transfer)
        self.refused = self.record(
            self.cleo, {"t": "credits.pay/1", "amount": 999_999, "credit": self.credit, "to": self.bob.id}
        )
        self.proposal = self.propose(self.bob, self.cleo)
        self.job = self.proposal.id
        self.award = self.record(self.cleo, {"t": "work.award/1", "proposals": [self.proposal.to_value()]})
        self.record(self.bob, {"t": "work.progress/1", "job": self.job, "note": "warming up", "percent": 10})
        self.record(self.bob, {"t": "work.deliver/1", "job": self.job, "quantity": 2})
        self.record(self.cleo, {"t": "work.receipt/1", "accepted": 2, "job": self.job, "quality": "fine"})

    def propose(self, provider: Person, customer: Person) -> Statement:
        """Three brackets for 9.00."""
        content: dict[str, Value] = {
            "arbiters": [self.ada.id],
            "call": b"\x11" * 32,
            "customer": customer.id,
            "deliver_by": self.time_ms + 5 * DAY_MS,
            "function": b"\x22" * 32,
            "network": self.chain.network,
            "nonce": bytes(16),
            "parameters": {"length": {"d": 1, "n": 120, "u": "mm"}, "material": "pla"},
            "part": "bracket",
            "price": [{"amount": 900, "id": self.credit, "kind": "credit"}],
            "provider": provider.id,
            "quantity": 3,
            "terms": {
                "cancel": {"awarded": 0, "delivered": 10_000, "started": 2_500},
                "inspection_ms": 7 * DAY_MS,
                "silence_ms": 14 * DAY_MS,
                "silence_split_bp": 5_000,
                "void_after_ms": 3 * DAY_MS,
            },
            "until": self.time_ms + DAY_MS,
        }
        return sign_statement(PURPOSE, content, provider.working)

    def written(self, kind: Kind, identity: bytes, letters: int = 52) -> str:
        """An id as an owner would type it."""
        return show_id(kind, identity)[: len(kind.value) + 1 + letters]
