"""How long the directory takes to say who of 10,000 members can serve a call.

Several wants over one directory, from one that few fit to one that nobody fits. The figure is the slowest of them, each
the median of its runs, on one core.
"""

import random
import statistics
import time
from collections.abc import Callable
from fractions import Fraction
from functools import partial

from config.functions_data import starter_functions
from ledger.keys import MemberId, PublicKey, Signature
from ledger.quantities import Measure, measure
from ledger.statement import Statement
from protocol.capability.advertisement import PURPOSE, Advert
from protocol.capability.catalogue import Catalogue
from protocol.capability.definition_files import read_definition
from protocol.capability.directory import Directory
from protocol.capability.matching import Want
from protocol.capability.offers import Limit, Offer
from protocol.capability.places import Place
from scripts.bench_parts._run import Figure, Run

ADVERTS = 10_000
FLOOR_MS = 10.0
RUNS = 30
_DAY_MS = 86_400_000
_STATEMENT_BYTES = 700


def starter_catalogue() -> Catalogue:
    """The starter set."""
    return Catalogue(read_definition(text, name) for name, text in starter_functions().items())


def many_adverts(count: int, *, functions: tuple[str, ...], catalogue: Catalogue, seed: int = 1) -> Directory:
    """A directory of `count` adverts of one offer each, drawn from `functions`; signatures are not looked at here."""
    dice = random.Random(seed)
    directory = Directory(catalogue)
    for i in range(count):
        function = catalogue.named(dice.choice(functions))
        materials = function.definition.parameter("material")
        assert materials is not None
        among = tuple(sorted(dice.sample(materials.choices, dice.randint(1, 4))))
        limits = {name: Limit(most=measure(dice.randint(100, 2500), "mm")) for name in ("length", "width", "height")}
        offer = Offer(
            name="machine",
            function=function.hash,
            limits={"material": Limit(among=among), **limits},
            quantity_most=dice.choice((10, 1000)),
            lead_ms=dice.randint(0, 7) * _DAY_MS,
            automatic=dice.random() < 0.5,
        )
        member = MemberId(i.to_bytes(32, "big"))
        statement = Statement(
            purpose=PURPOSE, body=bytes(_STATEMENT_BYTES), key=PublicKey(member), signature=Signature(bytes(64))
        )
        place = Place(lat_cdeg=dice.randrange(-6000, 6000, 5), lon_cdeg=dice.randrange(-18000, 18000, 5))
        directory.put(
            Advert(
                statement=statement,
                network=bytes(32),
                member=member,
                counter=1,
                issued_ms=0,
                until_ms=_DAY_MS,
                place=place,
                offers=(offer,),
            )
        )
    return directory


def _median_ms(step: Callable[[], object], runs: int) -> float:
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        step()
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times)


def wants(catalogue: Catalogue) -> dict[str, Want]:
    """Eight offers fit, a tenth of them does, those of one material do whatever their size, nobody fits."""
    milling = catalogue.named("cnc-milling").hash

    def want(size_mm: int, **more: Measure | str) -> Want:
        sizes = {name: measure(Fraction(size_mm), "mm") for name in ("length", "width", "height")}
        return Want(function=milling, parameters={**sizes, **more}, place=Place(lat_cdeg=5000, lon_cdeg=1000))

    return {
        "few": want(2000, material="steel"),
        "tenth": want(1, material="wood"),
        "most": Want(function=milling, parameters={"material": "wood"}, place=Place(lat_cdeg=5000, lon_cdeg=1000)),
        "nobody": want(19_000, material="wood"),
    }


def directory(run: Run) -> Figure:
    """Milliseconds."""
    catalogue = starter_catalogue()
    here = many_adverts(ADVERTS, functions=("cnc-milling",), catalogue=catalogue)
    took_ms = {name: _median_ms(partial(here.find, one, 1), RUNS) for name, one in wants(catalogue).items()}
    shown = ", ".join(f"{name} {ms:.2f} ms" for name, ms in took_ms.items())
    return Figure(
        value=round(max(took_ms.values()), 3),
        unit="ms",
        floor=FLOOR_MS,
        at_most=True,
        notes=(f"{ADVERTS:,} adverts; who fits: {shown}",),
    )
