"""The one shape in which a parsed file is handed on, whatever it was written in."""

from __future__ import annotations

from decimal import Decimal
from typing import TypeAlias

Tree: TypeAlias = "dict[str, Tree] | list[Tree] | str | int | Decimal | bool | None"
"""Tables, lists and leaves; never a float. A YAML scalar is always text or None, as YAML's own guesses are not
wanted."""
