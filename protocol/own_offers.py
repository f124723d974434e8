"""What our own offers say to a want: the bench behind the negotiation's `quotes`.

Pure reading: fit, price and time of each offer of the wanted function, with the sentences and lines that `why` prints.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction

from ledger.canonical import Value
from ledger.errors import RemoteError
from ledger.operations.work_terms import PriceLine
from protocol.capability.catalogue import Catalogue
from protocol.capability.functions import Definition, parameters_from_value
from protocol.capability.matching import Mismatch, Want, match
from protocol.capability.offers import Offer, Unpriced, duration, price
from protocol.negotiation.world import Quote

ShowMoney = Callable[[bytes, Fraction], str]
"""How an amount of a credit is written: id, smallest units."""


class OwnOffers:
    """The owner's offers by name."""

    def __init__(self, catalogue: Catalogue, show_money: ShowMoney) -> None:
        self.offers: dict[str, Offer] = {}
        self._catalogue = catalogue
        self._show_money = show_money

    def quotes(self, function: bytes, parameters: Mapping[str, Value], quantity: int) -> tuple[Quote, ...]:
        """One quote per offer of this function, in order of names; empty where there is none."""
        known = self._catalogue.by_hash(function)
        if known is None:
            return ()
        offers = [offer for _, offer in sorted(self.offers.items()) if offer.function == function]
        try:
            want = Want(function=function, parameters=parameters_from_value(dict(parameters)), quantity=quantity)
        except RemoteError as problem:
            return tuple(_unfit(offer, (problem.reason,)) for offer in offers)
        return tuple(self._quote(known.definition, offer, want) for offer in offers)

    def _quote(self, definition: Definition, offer: Offer, want: Want) -> Quote:
        found = match(definition, offer, want)
        if isinstance(found, Mismatch):
            return _unfit(offer, tuple(str(reason) for reason in found.reasons))
        took = duration(offer, definition, want.parameters, want.quantity)
        if isinstance(took, Unpriced):
            return _unfit(offer, (f"its time cannot be said: {took.reason}",))
        lines: tuple[PriceLine, ...] = ()
        said: tuple[str, ...] = ()
        unpriced = "the offer names no price"
        if offer.price is not None:
            credit = offer.price.credit
            total = price(
                offer, definition, want.parameters, want.quantity, show=lambda amount: self._show_money(credit, amount)
            )
            if isinstance(total, Unpriced):
                unpriced = total.reason
            else:
                lines = (PriceLine(kind="credit", thing=credit, amount=total.total),)
                said = total.lines
        return Quote(
            offer=offer.name,
            machine=_machine(offer),
            asset=offer.asset,
            unfit=(),
            price=lines,
            unpriced="" if lines else unpriced,
            left_open=found.unstated,
            price_lines=said,
            duration_ms=took.total,
            lead_ms=offer.lead_ms,
            automatic=offer.automatic,
            hours=offer.hours.spans,
        )


def _machine(offer: Offer) -> str:
    """Two offers of one asset share its calendar; without an asset each offer is a machine of its own."""
    return offer.name if offer.asset is None else offer.asset.hex()


def _unfit(offer: Offer, reasons: tuple[str, ...]) -> Quote:
    return Quote(
        offer=offer.name,
        machine=_machine(offer),
        asset=offer.asset,
        unfit=reasons,
        price=(),
        price_lines=(),
        duration_ms=0,
        lead_ms=offer.lead_ms,
        hours=offer.hours.spans,
    )
