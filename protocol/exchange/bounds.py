"""Every bound on a file that somebody else wrote, each with its unit and its reason.

The largest real manifest seen is 36 KB and 80 parts; the bounds stand about ten times above that, so that a person
never meets them and a hostile file is refused before it costs more than a second.
"""

from __future__ import annotations

FILE_BYTES_MAX = 256 * 1024
"""One manifest or facility file. A pure-Python YAML scanner needs about a second for this much."""

DEPTH_MAX = 16
"""Nesting of tables and lists. Real files reach 8."""

NODES_MAX = 20_000
"""Values in one file, an alias counted as often as it is used: this is what stops an alias bomb."""

KEY_CHARS_MAX = 120
"""A key; longer ones are cut, as they only ever appear in messages."""

LINE_CHARS_MAX = 200
"""A name, a material, a path's shown form: what must fit a line of a table."""

PATH_CHARS_MAX = 1_000
"""A file name or web address."""

PROSE_CHARS_MAX = 4_000
"""A description, as far as it is kept."""

ITEMS_MAX = 100
"""Entries of one list of texts (files, materials, processes)."""

PARTS_MAX = 500
"""Parts of one design."""

SETTINGS_MAX = 64
"""Process settings of one part."""

EQUIPMENT_MAX = 200
"""Machines of one facility."""

FINDINGS_MAX = 200
"""Findings kept for one file; one more says that there were others."""

OPENSCAD_CHARS_MAX = 400
"""A shape given as an OpenSCAD snippet."""

NEAREST_MAX = 3
"""Names suggested when there is no part of the name asked for."""
