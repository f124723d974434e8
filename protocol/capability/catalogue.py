"""The functions a node knows: its own files, and definitions that peers sent.

Found by hash, by name, or by a word somebody used. Definitions from peers are taken in only under the hash that was
asked for and up to a number (SPEC C-4); the owner's own are never pushed out by them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ledger.names import Kind, NotAnId, matches, parse_id
from protocol.capability.functions import Function, bare_function, definition_from_bytes, plain
from protocol.capability.limits import FOREIGN_DEFINITIONS_MAX
from protocol.capability.reading import hint


class UnknownFunction(ValueError):
    """No function here is called so; the sentence names the nearest one."""

    def __init__(self, word: str, known: Iterable[str]) -> None:
        super().__init__(f'unknown function "{word[:80]}"{hint(word, known)}')


class Catalogue:
    """All functions known here."""

    def __init__(self, own: Iterable[Function] = ()) -> None:
        self._by_hash: dict[bytes, Function] = {}
        self._by_name: dict[str, Function] = {}
        self._foreign: set[bytes] = set()
        for function in own:
            self.add(function)

    def __iter__(self) -> Iterator[Function]:
        return iter(self._by_hash.values())

    def __len__(self) -> int:
        return len(self._by_hash)

    def add(self, function: Function) -> None:
        """Take in a function of the owner's; a later file with the same name speaks for that name."""
        self._by_hash[function.hash] = function
        self._by_name[function.name] = function
        self._foreign.discard(function.hash)

    def add_foreign(self, data: bytes, wanted: bytes) -> bool:
        """Take in a definition a peer sent for the hash `wanted`; False if it is another or there is no room.

        Raises `NotCanonical` or `Malformed` for bytes that are no definition.
        """
        definition = definition_from_bytes(data)
        if definition.hash != wanted:
            return False
        if wanted in self._by_hash:
            return True
        if len(self._foreign) >= FOREIGN_DEFINITIONS_MAX:
            return False
        self._by_hash[wanted] = bare_function(definition)
        self._foreign.add(wanted)
        return True

    def by_hash(self, function: bytes) -> Function | None:
        """The function with this hash, or None."""
        return self._by_hash.get(function)

    def named(self, word: str) -> Function:
        """The one function meant by a name, an id, or a word used for no other; raises `UnknownFunction`."""
        found = self._by_name.get(word)
        if found is not None:
            return found
        try:
            by_id = self._by_hash.get(parse_id(Kind.FUNCTION, word))
        except NotAnId:
            by_id = self._only(one for one in self if matches(Kind.FUNCTION, word, one.hash))
        if by_id is not None:
            return by_id
        spoken = self._only(self.by_alias(word))
        if spoken is None:
            known = [one.name for one in self] + [alias for one in self for alias in one.prose.aliases]
            raise UnknownFunction(word, known)
        return spoken

    @staticmethod
    def _only(found: Iterable[Function]) -> Function | None:
        functions = tuple(found)
        return functions[0] if len(functions) == 1 else None

    def by_alias(self, word: str) -> tuple[Function, ...]:
        """Every function that people call `word`: name, title or alias, without case, blanks or hyphens."""
        wanted = plain(word)
        return tuple(
            one for one in self if wanted in {plain(one.name), plain(one.title), *map(plain, one.prose.aliases)}
        )

    def by_tsdc(self, code: str) -> tuple[Function, ...]:
        """Every function that makes parts documented under this TsDC code."""
        return tuple(one for one in self if code.upper() in one.prose.tsdc)
