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

from ledger.canonical import Value
from ledger.errors import RemoteError
from ledger.form import ID, MOMENT_MS, PARAMETERS, PRICE_LINE, Int, List, Map, Text
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
        "nonce": Text(0) if False else ID,
        "parameters": PARAMETERS,
        "price": List(PRICE_LINE, 1, PRICE_LINES_MAX),
        "provider": ID,
        "quantity": PIECES,
        "terms": TERMS,
        "until": MOMENT_MS,
    },
    {"asset": ID, "design": ID, "part": Text(200), "prose": ID},
)
