"""The owner's offers on disk: one TOML file each in the home's offers folder, and nothing else.

The files are the truth; they are read at the start and after every change. A file that is broken is named and left
alone, and the others count.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from dpnode.paths import Home
from ledger import queries
from ledger.canonical import encode
from ledger.names import Kind, short, show_id
from ledger.state import View
from protocol.capability.catalogue import Catalogue
from protocol.capability.limits import ADVERT_BYTES_MAX, OFFER_FILE_BYTES_MAX, OFFERS_MAX
from protocol.capability.offer_files import CreditName, read_offer
from protocol.capability.offers import Offer
from protocol.capability.reading import WrongFile

ENDING = ".toml"
FRAMING_BYTES = 512
"""What stands in an advert beside its offers: member, network, place and times have under 200."""
TOO_MUCH = f"an advert carries {OFFERS_MAX} offers and {ADVERT_BYTES_MAX} bytes; remove one, or say less"


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnOffer:
    """One offer and its file."""

    offer: Offer
    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnFolder:
    """All offers of a home by name, and what is wrong with files that are none."""

    offers: Mapping[str, OwnOffer]
    problems: tuple[str, ...]


def credits_known(view: View) -> dict[str, CreditName]:
    """Every way a credit may be written: unit where only one issuer has it, unit@issuer, and its id."""
    known: dict[str, CreditName] = {}
    shared: set[str] = set()
    for credit in queries.credits(view):
        name = CreditName(id=credit.id, decimals=credit.decimals)
        if credit.unit in known:
            shared.add(credit.unit)
        known[credit.unit] = name
        issuer = queries.person(view, credit.issuer)
        if issuer is not None:
            known[f"{credit.unit}@{issuer.name}"] = name
        known[show_id(Kind.CREDIT, credit.id)] = name
        known[short(Kind.CREDIT, credit.id)] = name
    for unit in shared:
        del known[unit]
    return known


def read_folder(home: Home, catalogue: Catalogue, view: View) -> OwnFolder:
    """Every offer file of a home."""
    if not home.offers.is_dir():
        return OwnFolder(offers={}, problems=())
    known = credits_known(view)
    offers: dict[str, OwnOffer] = {}
    problems: list[str] = []
    for path in sorted(home.offers.glob(f"*{ENDING}"))[: 2 * OFFERS_MAX]:
        try:
            offer = read_offer(read_text(path), str(path), catalogue, known)
        except (WrongFile, OSError, UnicodeDecodeError) as problem:
            problems.append(f"the capability file {path} is not offered: {problem}")
            continue
        if offer.name in offers:
            problems.append(f"{path} has the name of {offers[offer.name].path}: only one of them is offered")
        elif not fits_with(offer, [one.offer for one in offers.values()]):
            problems.append(f"{path} is not offered: {TOO_MUCH}")
        else:
            offers[offer.name] = OwnOffer(offer=offer, path=path)
    return OwnFolder(offers=offers, problems=tuple(problems))


def fits_with(offer: Offer, others: Iterable[Offer]) -> bool:
    """Whether one advert carries an offer beside the others."""
    offers = [*others, offer]
    weight_bytes = sum(len(encode(one.to_value())) for one in offers)
    return len(offers) <= OFFERS_MAX and weight_bytes + FRAMING_BYTES <= ADVERT_BYTES_MAX


def read_text(path: Path) -> str:
    """A small text file; raises `OSError` or `UnicodeDecodeError`."""
    with path.open("rb") as file:
        return file.read(OFFER_FILE_BYTES_MAX + 1).decode("utf-8")


def put_file(home: Home, name: str, text: str) -> Path:
    """Write an offer's file whole or not at all; returns where it lies."""
    home.offers.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = free_path(home, name)
    put_in_place(path, text)
    return path


def put_in_place(path: Path, text: str) -> None:
    """Write a file whole or not at all, in place of what lies there."""
    temporary = path.with_suffix(".new")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)


def free_path(home: Home, name: str) -> Path:
    """A file name for an offer: its own name as far as a file can have it, and a number where that is taken."""
    plain = re.sub(r"[^a-z0-9]+", "-", name.casefold()).strip("-")[:48] or "offer"
    path, count = home.offers / f"{plain}{ENDING}", 1
    while path.exists():
        count += 1
        path = home.offers / f"{plain}-{count}{ENDING}"
    return path
