"""What certificates say of the views above the floor: which brought a block, which were given up (SPEC V-16, V-17).

The floor is the view of the last finalization; its block, the base, counts as notarized there by definition.
"""

from __future__ import annotations

from collections.abc import Iterator

from ledger.consensus.votes import Certificate, VoteKind

VIEWS_KEPT_MAX = 4_096
"""Certificates kept above the floor: an hour without finality at one view a second. The lowest go first."""


class Views:
    """Certificates of one epoch."""

    def __init__(self, floor: int) -> None:
        self.floor = floor
        self.notarized: dict[int, Certificate] = {}
        self.nullified: dict[int, Certificate] = {}
        self._in_vain: set[int] = set()
        """Views that were given up and whose certificates are no longer kept."""
        self.finalized: dict[int, Certificate] = {}
        self.final: Certificate | None = None
        """The highest finalization known; its block may not be stored here yet."""

    def knows(self, certificate: Certificate) -> bool:
        """Whether it says nothing new."""
        if certificate.view <= self.floor:
            return True
        match certificate.kind:
            case VoteKind.NOTARIZE:
                known = self.notarized.get(certificate.view)
                return known is not None and known.block == certificate.block
            case VoteKind.NULLIFY:
                return self.is_given_up(certificate.view)
            case VoteKind.FINALIZE:
                final = self.finalized.get(certificate.view)
                return final is not None and final.block == certificate.block

    def add(self, certificate: Certificate) -> Certificate | None:
        """Take a checked certificate in; returns one that says otherwise, which f faulty witnesses cannot make."""
        view = certificate.view
        if view <= self.floor:
            return None
        match certificate.kind:
            case VoteKind.NOTARIZE:
                self.notarized.setdefault(view, certificate)
            case VoteKind.NULLIFY:
                self.nullified.setdefault(view, certificate)
            case VoteKind.FINALIZE:
                self.finalized.setdefault(view, certificate)
                if self.final is None or view > self.final.view:
                    self.final = certificate
        against = self._against(certificate)
        self._bound()
        return against

    def _against(self, certificate: Certificate) -> Certificate | None:
        """V-14: of one view, two that notarize or finalize different blocks, or one that finalizes a view given up."""
        view = certificate.view
        others = [self.notarized.get(view), self.finalized.get(view)]
        if certificate.kind is VoteKind.NULLIFY:
            return others[1]
        if certificate.kind is VoteKind.FINALIZE:
            others.append(self.nullified.get(view))
        return next((one for one in others if one is not None and one.block != certificate.block), None)

    def is_given_up(self, view: int) -> bool:
        """Whether its nullification was seen, here or kept."""
        return view in self.nullified or view in self._in_vain

    def of(self, view: int) -> list[Certificate]:
        """What is known of a view."""
        found = [self.notarized.get(view), self.nullified.get(view), self.finalized.get(view)]
        return [certificate for certificate in found if certificate is not None]

    def ended(self, view: int) -> Certificate | None:
        """A certificate that ends a view, if there is one: the notarization first."""
        return self.notarized.get(view) or self.nullified.get(view)

    def below(self, view: int) -> Iterator[int]:
        """The views, highest first, that a block of `view` may stand on: down to the first that was not given up.

        The last one may be the floor itself.
        """
        for at in range(view - 1, self.floor - 1, -1):
            if at == self.floor or at in self.notarized:
                yield at
            if not self.is_given_up(at):
                return

    def tip(self, view: int, base: bytes) -> tuple[int, bytes] | None:
        """The highest view below with a notarized block and everything between given up; None where one is missing."""
        for at in self.below(view):
            return at, base if at == self.floor else self.notarized[at].block
        return None

    def stands_on(self, view: int, block: bytes, base: bytes) -> int | None:
        """The view below in which `block` was notarized, everything between given up; None where that is not known."""
        for at in self.below(view):
            if (base if at == self.floor else self.notarized[at].block) == block:
                return at
        return None

    def gap(self, view: int, most: int) -> list[int]:
        """Views below whose end is not known here and without which there is no tip, highest first."""
        missing = []
        for at in range(view - 1, self.floor, -1):
            if at in self.notarized:
                break
            if not self.is_given_up(at):
                missing.append(at)
                if len(missing) == most:
                    break
        return missing

    def justification(self, tip_view: int, view: int, most: int) -> list[Certificate]:
        """What shows that a block of `view` may stand on the tip: its notarization, the views given up since."""
        found = [self.notarized[tip_view]] if tip_view in self.notarized else []
        found += [self.nullified[at] for at in range(max(tip_view + 1, view - most), view) if at in self.nullified]
        return found

    def settle(self, floor: int) -> None:
        """Nothing at or below a final view matters."""
        self.floor = max(self.floor, floor)
        if self.final is not None and self.final.view <= self.floor:
            self.final = None
        self.notarized = {at: one for at, one in self.notarized.items() if at > self.floor}
        self.nullified = {at: one for at, one in self.nullified.items() if at > self.floor}
        self.finalized = {at: one for at, one in self.finalized.items() if at > self.floor}
        self._in_vain = {at for at in self._in_vain if at > self.floor}

    def _bound(self) -> None:
        while len(self.notarized) > VIEWS_KEPT_MAX:
            del self.notarized[min(self.notarized)]
        while len(self.finalized) > VIEWS_KEPT_MAX:
            del self.finalized[min(self.finalized)]
        while len(self.nullified) > VIEWS_KEPT_MAX:
            # That it was given up stays known: without that no block could ever stand on what is below.
            oldest = min(self.nullified)
            del self.nullified[oldest]
            self._in_vain.add(oldest)
