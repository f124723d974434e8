"""What the own offers say to a want: the door from the negotiation to the capability room.

Matching, prices and durations are computed there; here they become quotes, one for each offer of the wanted function.
It fails closed: a definition that is not known, or a duration that cannot be added up, stands against the offer (SPEC
N-11).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from ledger.canonical import Value
from ledger.errors import RemoteError
from ledger.operations.work_terms import PriceLine
from protocol.capability.functions import Definition, ParameterValue, parameters_from_value
from protocol.capability.matching import Mismatch, Want, match
from protocol.capability.offers import Offer, Unpriced, duration, price
from protocol.negotiation.world import Quote


def quotes(
    offers: Iterable[Offer],
    definition_of: Callable[[bytes], Definition | None],
    function: bytes,
    parameters: Mapping[str, Value],
    quantity: int,
) -> tuple[Quote, ...]:
    """One quote for each of `offers` whose function is `function`, in their order."""
    own = [offer for offer in offers if offer.function == function]
    try:
        values = parameters_from_value(dict(parameters))
    except RemoteError as problem:
        return tuple(_quote(offer, unfit=(problem.reason,)) for offer in own)
    definition = definition_of(function)
    if definition is None:
        return tuple(_quote(offer, unfit=("the function's definition is not known here",)) for offer in own)
    return tuple(_of(offer, definition, values, quantity) for offer in own)


def _of(offer: Offer, definition: Definition, values: Mapping[str, ParameterValue], quantity: int) -> Quote:
    found = match(definition, offer, Want(function=offer.function, parameters=values, quantity=quantity))
    if isinstance(found, Mismatch):
        return _quote(offer, unfit=tuple(str(reason) for reason in found.reasons))
    time = duration(offer, definition, values, quantity)
    if isinstance(time, Unpriced):
        return _quote(offer, unfit=(f"the time it takes: {time.reason}",))
    cost = price(offer, definition, values, quantity)
    if isinstance(cost, Unpriced) or offer.price is None:
        reason = cost.reason if isinstance(cost, Unpriced) else ""
        return _quote(offer, duration_ms=time.total, left_open=found.unstated, unpriced=reason)
    return _quote(
        offer,
        price_=(PriceLine(kind="credit", thing=offer.price.credit, amount=cost.total),),
        price_lines=cost.lines,
        duration_ms=time.total,
        left_open=found.unstated,
    )


def _quote(
    offer: Offer,
    *,
    unfit: tuple[str, ...] = (),
    price_: tuple[PriceLine, ...] = (),
    price_lines: tuple[str, ...] = (),
    unpriced: str = "",
    left_open: tuple[str, ...] = (),
    duration_ms: int = 0,
) -> Quote:
    return Quote(
        offer=offer.name,
        # Offers that name one machine of the ledger share its calendar; the others have one each.
        machine=offer.name if offer.asset is None else offer.asset.hex(),
        asset=offer.asset,
        unfit=unfit,
        price=price_,
        price_lines=price_lines,
        unpriced=unpriced,
        left_open=left_open,
        duration_ms=duration_ms,
        lead_ms=offer.lead_ms,
        hours=offer.hours.spans,
    )
