"""Who offers what: the standing adverts of all members, and the answer to "who can do this?".

One advert per member, bounded in number and bytes. Offers are kept in columns by function, so that a want meets
10,000 of them in milliseconds; the best candidates by a stated score are judged exactly. Where nobody fits, the
directory says what is here instead (SPEC C-22 to C-25).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ledger.keys import MemberId
from protocol.capability.advertisement import Advert
from protocol.capability.catalogue import Catalogue
from protocol.capability.columns import Columns
from protocol.capability.functions import Definition, check_parameters, plain
from protocol.capability.limits import ADVERTS_BYTES_MAX, ADVERTS_MAX, CHECKS_MAX, FOUND_MAX, SEARCH_WORDS_MAX
from protocol.capability.matching import Match, Want, fit, numbers
from protocol.capability.nobody import why_nobody
from protocol.capability.offers import Offer
from protocol.capability.places import Place, distance_km


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An offer that satisfies a want."""

    member: MemberId
    offer: Offer
    score: int
    """Points for near, soon and automatic, rounded down; the higher the better (SPEC C-23)."""
    distance_km: int | None
    """None where either place is unknown."""
    unstated: tuple[str, ...]
    """Parameters the offer limits and the want leaves open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """An offer that a search by words came upon."""

    member: MemberId
    offer: Offer
    place: Place | None
    until_ms: int


class Directory:
    """The adverts that stand."""

    def __init__(
        self, catalogue: Catalogue, *, adverts_max: int = ADVERTS_MAX, adverts_bytes_max: int = ADVERTS_BYTES_MAX
    ) -> None:
        self.catalogue = catalogue
        self._adverts_max = adverts_max
        self._bytes_max = adverts_bytes_max
        self._bytes = 0
        self._adverts: dict[MemberId, Advert] = {}
        self._columns: dict[bytes, Columns] = {}
        self._where: dict[tuple[MemberId, str], tuple[Columns, int]] = {}
        """Row of each offer by member and name."""
        self._waiting: dict[bytes, set[MemberId]] = {}
        """Members that offer a function whose definition is not known here yet."""

    def __len__(self) -> int:
        return len(self._adverts)

    def __iter__(self) -> Iterator[Advert]:
        return iter(self._adverts.values())

    def advert(self, member: MemberId) -> Advert | None:
        """The advert held of a member, or None."""
        return self._adverts.get(member)

    def newest(self, member: MemberId) -> int | None:
        """The number of the advert held of a member, or None."""
        held = self._adverts.get(member)
        return None if held is None else held.counter

    def unknown_functions(self) -> list[bytes]:
        """Hashes that are offered and whose definitions should be asked for, in byte order."""
        return sorted(function for function in self._waiting if self.catalogue.by_hash(function) is None)

    def put(self, advert: Advert) -> bool:
        """Take in an accepted advert in place of the member's earlier one; False where there is no room (SPEC C-24).

        An advert without offers is kept too: its number keeps older ones out until it expires.
        """
        held = self._adverts.get(advert.member)
        size = len(advert.statement.body)
        freed = 0 if held is None else len(held.statement.body)
        if (held is None and len(self._adverts) >= self._adverts_max) or self._bytes + size - freed > self._bytes_max:
            return False
        self.forget(advert.member)
        self._adverts[advert.member] = advert
        self._bytes += size
        for offer in advert.offers:
            self._list(advert, offer)
        return True

    def _list(self, advert: Advert, offer: Offer) -> None:
        columns = self._columns.get(offer.function)
        if columns is None:
            function = self.catalogue.by_hash(offer.function)
            if function is None:
                self._waiting.setdefault(offer.function, set()).add(advert.member)
                return
            columns = self._columns[offer.function] = Columns(function.definition)
        place = advert.place if offer.place is None else offer.place
        index = columns.add(member=advert.member, offer=offer, place=place, until_ms=advert.until_ms)
        self._where[advert.member, offer.name] = (columns, index)

    def learned(self, function: bytes) -> None:
        """List the offers that waited for this definition, which the catalogue has now."""
        if self.catalogue.by_hash(function) is None:
            return
        for member in sorted(self._waiting.pop(function, ())):
            advert = self._adverts[member]
            for offer in advert.offers:
                if offer.function == function:
                    self._list(advert, offer)

    def forget(self, member: MemberId) -> None:
        """Drop the advert of a member, if there is one."""
        advert = self._adverts.pop(member, None)
        if advert is None:
            return
        self._bytes -= len(advert.statement.body)
        for offer in advert.offers:
            at = self._where.pop((member, offer.name), None)
            if at is not None:
                columns, index = at
                moved = columns.remove(index)
                if moved is not None:
                    self._where[moved.member, moved.offer.name] = (columns, index)
                if not columns.rows:
                    self._columns.pop(offer.function, None)
            elif (waiting := self._waiting.get(offer.function)) is not None:
                waiting.discard(member)
                if not waiting:
                    del self._waiting[offer.function]

    def sweep(self, now_ms: int) -> list[MemberId]:
        """Drop expired adverts; whose they were, in byte order."""
        ended = sorted(member for member, advert in self._adverts.items() if advert.until_ms <= now_ms)
        for member in ended:
            self.forget(member)
        return ended

    def next_expiry_ms(self) -> int | None:
        """When the next advert expires, or None."""
        return min((advert.until_ms for advert in self._adverts.values()), default=None)

    def find(self, want: Want, now_ms: int, *, limit: int = FOUND_MAX) -> list[Found]:
        """Offers that satisfy `want`, best first, at most `limit` (SPEC C-22, C-23)."""
        columns = self._columns.get(want.function)
        if columns is None or check_parameters(columns.definition, want.parameters):
            return []
        measured = numbers(columns.definition, want.parameters)
        left = columns.candidates(want.parameters, measured, want.quantity, now_ms)
        found: list[Found] = []
        for score, row in columns.best_first(left, want.place, 2 * limit, CHECKS_MAX):
            verdict = fit(columns.definition, row.offer, want, measured, row.bounds)
            if isinstance(verdict, Match):
                away = None if want.place is None or row.place is None else distance_km(want.place, row.place)
                found.append(
                    Found(
                        member=row.member,
                        offer=row.offer,
                        score=int(score),
                        distance_km=away,
                        unstated=verdict.unstated,
                    )
                )
                if len(found) == limit:
                    break
        return found

    def explain_none(self, want: Want, now_ms: int, me: MemberId | None = None) -> str:
        """One sentence that says why nobody can serve `want` and what can be done here instead (SPEC C-25).

        Args:
            me: the member who asks and cannot be asked itself.
        """
        function = self.catalogue.by_hash(want.function)
        if function is None:
            return "nobody here knows that function"
        columns = self._columns.get(want.function)
        return why_nobody(function, want, [] if columns is None else columns.live(now_ms), me)

    def search(self, words: str, now_ms: int, *, limit: int = FOUND_MAX) -> list[Listed]:
        """Offers about which all of `words` are said: function, machine's name, choices; all offers for no words.

        A word counts where something begins with it, without case. Sorted by function, member and name.
        """
        wanted = [plain(word) for word in words.split()[:SEARCH_WORDS_MAX]]
        listed: list[Listed] = []
        for columns in sorted(self._columns.values(), key=lambda one: one.definition.name):
            about_function = self._spoken(columns.definition)
            missing = [word for word in wanted if not any(said.startswith(word) for said in about_function)]
            rows = [row for row in columns.live(now_ms) if self._says(columns.definition, row.offer, missing)]
            for row in sorted(rows, key=lambda one: (one.member, one.offer.name)):
                if len(listed) == limit:
                    return listed
                listed.append(Listed(member=row.member, offer=row.offer, place=row.place, until_ms=row.until_ms))
        return listed

    def _spoken(self, definition: Definition) -> set[str]:
        """Everything said about a function, each as a whole and word by word, made plain."""
        function = self.catalogue.by_hash(definition.hash)
        texts = [definition.name] if function is None else [function.name, function.title, *function.prose.aliases]
        parts = [part for text in texts for part in (text, *text.replace("-", " ").split())]
        return {plain(part) for part in parts}

    def _says(self, definition: Definition, offer: Offer, words: list[str]) -> bool:
        """Whether the offer itself says all of `words`."""
        if not words:
            return True
        said = {plain(part) for part in (offer.name, *offer.name.replace("-", " ").split())}
        for parameter in definition.parameters:
            limit = offer.limits.get(parameter.name)
            said.update(map(plain, parameter.choices if limit is None else limit.among))
        return all(any(one.startswith(word) for one in said) for word in words)
