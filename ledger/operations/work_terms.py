"""What a provider signs when it proposes: the one shape of a proposal, its terms and their bounds.

A proposal is a tagged statement (purpose `proposal`) under the provider's working key. Its id is the id of the job it
becomes, so everything the fold computes with stands in it in full; a hash names only the prose. The negotiation makes
proposals with this form and the award judges them by it, so an offer that was shown can also be awarded.
Not here: whether the offer still stands and who may award it (`work_award`).
Source: the design's "A job between two workshops", rule 2; SPEC W-2, W-8, W-30.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ledger.form import ID, MOMENT_MS, PARAMETERS, PRICE_LINE, Bytes, Int, List, Malformed, Map, Text
from ledger.keys import MemberId, PublicKey
from ledger.statement import Statement

PURPOSE = "proposal"

PROPOSALS_MAX = 64
"""Proposals in one award."""
PRICE_LINES_MAX = 8
"""A price is rarely more than money and some units; each line costs account keys at every payment."""
ARBITERS_MAX = 8
"""Candidates named in one proposal; one is taken."""
EVIDENCE_MAX = 16
"""Hashes in one entry: a photo for each side of a part and a few papers."""
DELIVERIES_OPEN_MAX = 64
"""Deliveries under inspection at once; each is kept in the job until it is receipted or claimed."""
NOTE_BYTES_MAX = 280
"""A sentence or two; longer things are evidence."""
BASIS_POINTS = 10_000
"""The whole, in hundredths of a percent."""
DAY_MS = 86_400_000
SPAN_MS = Int(0, 3660 * DAY_MS)
"""Any agreed waiting time: at most ten years, so that a sum of moments stays within signed bounds."""

NOTE = Text(NOTE_BYTES_MAX)
SHARE_BP = Int(0, BASIS_POINTS)
COUNT = Int(0)
PIECES = Int(1)
EVIDENCE = List(ID, 1, EVIDENCE_MAX)

TERMS = Map(
    {
        "cancel": Map({"awarded": SHARE_BP, "delivered": SHARE_BP, "started": SHARE_BP}),
        "inspection_ms": SPAN_MS,
        "silence_ms": SPAN_MS,
        "silence_split_bp": SHARE_BP,
        "void_after_ms": SPAN_MS,
    }
)

PROPOSAL = Map(
    {
        "arbiters": List(ID, 1, ARBITERS_MAX),
        "call": ID,
        "customer": ID,
        "deliver_by": MOMENT_MS,
        "function": ID,
        "network": ID,
        "nonce": Bytes(16),
        "parameters": PARAMETERS,
        "price": List(PRICE_LINE, 1, PRICE_LINES_MAX),
        "provider": ID,
        "quantity": PIECES,
        "terms": TERMS,
        "until": MOMENT_MS,
    },
    {"asset": ID, "design": ID, "part": Text(200), "prose": ID},
)
"""The signed map, every key (SPEC W-2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceLine:
    """So much of one thing: a credit's smallest units, an asset's units, or output."""

    kind: str
    thing: bytes
    """32 bytes: the credit, asset or lot."""
    amount: int

    def to_value(self) -> dict[str, Any]:
        """The form in signed bytes."""
        return {"amount": self.amount, "id": self.thing, "kind": self.kind}


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What both sides agreed the ledger shall compute with."""

    inspection_ms: int
    """How long a delivery may lie without a receipt before it can be claimed."""
    void_after_ms: int
    """How long past deliver-by either side may call an undelivered job off."""
    cancel_awarded_bp: int
    cancel_started_bp: int
    cancel_delivered_bp: int
    silence_ms: int
    """How long the arbiter has."""
    silence_split_bp: int
    """The provider's part of what is left when the arbiter was silent."""

    def to_value(self) -> dict[str, Any]:
        """The form in signed bytes."""
        return {
            "cancel": {
                "awarded": self.cancel_awarded_bp,
                "delivered": self.cancel_delivered_bp,
                "started": self.cancel_started_bp,
            },
            "inspection_ms": self.inspection_ms,
            "silence_ms": self.silence_ms,
            "silence_split_bp": self.silence_split_bp,
            "void_after_ms": self.void_after_ms,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A provider's binding offer, shape checked; its signature and standing are judged elsewhere."""

    id: bytes
    """32 bytes: the statement's id, and the id of the job once awarded."""
    key: PublicKey
    """The key that signed it."""
    network: bytes
    call: bytes
    provider: MemberId
    customer: MemberId
    function: bytes
    parameters: dict[str, Any]
    quantity: int
    price: tuple[PriceLine, ...]
    deliver_by_ms: int
    until_ms: int
    arbiters: tuple[MemberId, ...]
    terms: Terms
    extras: dict[str, Any]
    """asset, design, part, prose where given."""


def read_price(value: list[dict[str, Any]]) -> tuple[PriceLine, ...]:
    """Price lines whose form was checked."""
    return tuple(PriceLine(kind=line["kind"], thing=line["id"], amount=line["amount"]) for line in value)


def read_terms(value: dict[str, Any]) -> Terms:
    """Terms whose form was checked."""
    cancel = value["cancel"]
    return Terms(
        inspection_ms=value["inspection_ms"],
        void_after_ms=value["void_after_ms"],
        cancel_awarded_bp=cancel["awarded"],
        cancel_started_bp=cancel["started"],
        cancel_delivered_bp=cancel["delivered"],
        silence_ms=value["silence_ms"],
        silence_split_bp=value["silence_split_bp"],
    )


def read_proposal(statement: Statement) -> Proposal:
    """The proposal in a statement (SPEC W-2, W-8); raises `RemoteError` where it is none.

    Price lines must be distinct in (kind, id), or a payment could be told apart in two ways; arbiters as well.
    """
    content = statement.content
    PROPOSAL.check(content, PURPOSE)
    price = read_price(content["price"])
    if len({(line.kind, line.thing) for line in price}) < len(price):
        raise Malformed(f"{PURPOSE}.price", "one thing is priced twice")
    if len(set(content["arbiters"])) < len(content["arbiters"]):
        raise Malformed(f"{PURPOSE}.arbiters", "one arbiter is named twice")
    return Proposal(
        id=statement.id,
        key=statement.key,
        network=content["network"],
        call=content["call"],
        provider=MemberId(content["provider"]),
        customer=MemberId(content["customer"]),
        function=content["function"],
        parameters=content["parameters"],
        quantity=content["quantity"],
        price=price,
        deliver_by_ms=content["deliver_by"],
        until_ms=content["until"],
        arbiters=tuple(MemberId(member) for member in content["arbiters"]),
        terms=read_terms(content["terms"]),
        extras={name: content[name] for name in PROPOSAL.optional if name in content},
    )
