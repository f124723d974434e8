"""The technology codes found in design files, and what each means in words.

TsDC ("technology-specific documentation criteria") codes belong to DIN SPEC 3105; designs carry them as `tsdc`. Files
also write a process's name where a code belongs, or another tool's code for the same thing (`LASER` for `LAS`): those
are read as the code. A code that is not in this table is kept as it stands and told; it is never mapped to a near
one.
"""

from __future__ import annotations

MEANINGS = {
    "3DP": "3D printing",
    "ASM": "assembly",
    "CAS": "casting",
    "CNC": "machining under computer control",
    "COT": "coating",
    "ELE": "electronics",
    "LAS": "laser cutting",
    "MEC": "mechanical processing",
    "PCB": "circuit boards",
    "POST": "post-processing",
    "SAW": "sawing",
    "SEW": "sewing",
    "SHEET": "sheet metal work",
    "STD": "standard parts, bought",
    "WEL": "welding",
    "WJ": "water jet cutting",
}
"""Code -> what is done, for sentences."""

_SAME = {
    "3D PRINTING": "3DP",
    "3DPRINTING": "3DP",
    "ADDITIVE MANUFACTURING": "3DP",
    "FDM": "3DP",
    "FFF": "3DP",
    "SLA": "3DP",
    "ASSEMBLY": "ASM",
    "CASTING": "CAS",
    "CNC MACHINING": "CNC",
    "CNC MILLING": "CNC",
    "CNC ROUTING": "CNC",
    "MILLING": "CNC",
    "TURNING": "CNC",
    "COATING": "COT",
    "LASER": "LAS",
    "LASER CUTTING": "LAS",
    "MECHANICAL ASSEMBLY": "ASM",
    "POST PROCESSING": "POST",
    "PRINTED CIRCUIT BOARD": "PCB",
    "SAWING": "SAW",
    "SEWING": "SEW",
    "SHEET METAL": "SHEET",
    "WATER JET CUTTING": "WJ",
    "WELDING": "WEL",
}
"""Names and other tools' codes met in the same place -> the code."""


def code_of(word: str) -> str:
    """The technology code for a word out of a `tsdc` list, in capitals; an unknown word comes back as it is, in
    capitals."""
    plain = " ".join(word.upper().removeprefix("TSDC:").replace("_", " ").replace("-", " ").split())
    return _SAME.get(plain, plain)


def is_known(code: str) -> bool:
    """Whether `code`, as `code_of` gives it, is one of the technology codes of MEANINGS."""
    return code in MEANINGS
