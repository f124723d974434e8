"""What our own bench says to a want: fit, price, time, and every reason why not (SPEC N-11, C-7, C-12)."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.canonical import digest
from ledger.names import Kind, show_id
from protocol.own_offers import OwnOffers
from tests.protocol.capability.workshop import EURO, catalogue, function, offer

FULL = """
name = "{name}"
function = "cnc-milling"
{asset}
[limits]
material = ["wood"]
length = {{ most = "600 mm" }}
[time]
lead = "1 h"
set-up = "10 min"
per-piece = "5 min"
{time}
[price]
credit = "EUR"
set-up = 1
per-piece = 2
{price}
"""
LENGTH = {"d": 1, "n": 100, "u": "mm"}


def bench(*texts: str) -> OwnOffers:
    made = OwnOffers(catalogue(), lambda credit, amount: f"{amount} cents")
    made.offers = {one.name: one for one in map(offer, texts)}
    return made


def text(name: str = "router", asset: str = "", time: str = "", price: str = "") -> str:
    return FULL.format(name=name, asset=asset, time=time, price=price)


def quotes(made: OwnOffers, quantity: int = 2, **parameters: Any) -> Any:
    return made.quotes(function("cnc-milling").hash, {"material": "wood", "length": LENGTH, **parameters}, quantity)


def test_an_offer_that_fits_says_price_time_and_the_lines_of_its_sum() -> None:
    (quote,) = quotes(bench(text()))
    assert quote.unfit == ()
    assert [(line.kind, line.thing, line.amount) for line in quote.price] == [("credit", EURO, 500)]
    assert quote.duration_ms == 20 * 60_000
    assert quote.lead_ms == 3_600_000
    assert any("500 cents" in line for line in quote.price_lines)


def test_each_offer_of_the_function_answers_in_order_of_names() -> None:
    assert [quote.offer for quote in quotes(bench(text("z"), text("a")))] == ["a", "z"]


def test_a_function_that_is_not_offered_or_not_known_gets_no_quote() -> None:
    assert bench(text()).quotes(function("welding").hash, {}, 1) == ()
    assert bench(text()).quotes(digest("nothing"), {}, 1) == ()


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"material": "steel"}, "material"),
        ({"length": {"d": 0, "n": 900, "u": "mm"}}, ""),
        ({"length": 5}, ""),
        ({"length": "long"}, "length"),
    ],
)
def test_a_want_that_does_not_fit_is_answered_with_reasons(parameters: dict[str, Any], said: str) -> None:
    (quote,) = quotes(bench(text()), **parameters)
    assert quote.unfit
    assert said in " ".join(quote.unfit)
    assert (quote.price, quote.duration_ms) == ((), 0)


def test_a_rate_of_what_the_want_does_not_state_leaves_price_or_time_unsaid() -> None:
    (quote,) = quotes(bench(text(price="[price.per]\nmass = 0.05")))
    assert (quote.unfit, quote.price) == ((), ())
    assert "mass" in quote.unpriced
    (quote,) = quotes(bench(text(time="[time.per]\nmass = '4 min'")))
    assert "time cannot be said" in quote.unfit[0]


def test_an_offer_without_a_price_is_quoted_without_one() -> None:
    free = 'name = "free"\nfunction = "cnc-milling"\n[time]\nper-piece = "5 min"\n'
    (quote,) = quotes(bench(free))
    assert (quote.unfit, quote.price, quote.price_lines) == ((), (), ())
    assert quote.unpriced == "the offer names no price"


def test_offers_of_one_asset_are_one_machine() -> None:
    asset = f'asset = "{show_id(Kind.ASSET, digest("asset"))}"'
    one, two, other = quotes(bench(text("a", asset), text("b", asset), text("c")))
    assert one.machine == two.machine == digest("asset").hex()
    assert other.machine == "c"
