"""Every bound on capabilities that come from outside, each with its reason.

Definitions, offers and adverts are written by strangers and kept by everybody, so each has a size beyond which it is
refused, and each collection a number beyond which nothing more is taken in.
"""

from __future__ import annotations

DEFINITION_BYTES_MAX = 65_536
"""A definition from a peer; the longest in the starter set needs 3 KiB (ledger.md, "Functions by definition")."""
DEFINITION_FILE_BYTES_MAX = 262_144
"""A definition file with all its help and aliases in several languages."""
OFFER_FILE_BYTES_MAX = 65_536
"""An offer file is written by hand; a page of comments fits."""
ADVERT_BYTES_MAX = 16_384
"""The body of an advert: about 40 offers. Not more than a statement may have (`ledger.statement`)."""

NAME_BYTES_MAX = 48
"""A function's, parameter's, flow's or choice's name; a parameter's may not be longer in a call (`ledger.form`)."""
TEXT_BYTES_MAX = 200
"""A text parameter's value, as in a call."""
OFFER_NAME_BYTES_MAX = 64
"""What an owner calls an offer: a machine's name and a word more."""
PARAMETERS_MAX = 64
"""Parameters of one function; a call carries no more."""
CHOICES_MAX = 256
"""Choices of one parameter: a bit each in the directory's masks."""
FLOWS_MAX = 16
"""Inputs or outputs of one atomic function."""
PROPERTIES_MAX = 16
"""Properties of one flow."""
TURN_GROUPS_MAX = 4
"""Groups of parameters that may be exchanged."""
TURN_NAMES_MAX = 4
"""Parameters in one such group: 24 orders to try."""
OFFERS_MAX = 64
"""Offers in one advert; a large workshop has about 20 kinds of machine."""
HOURS_MAX = 32
"""Opening spans in a week: four a day and some that cross midnight."""
QUANTITY_MAX = 10**9
"""Pieces in one job."""

ADVERT_LIFE_MS = 24 * 3_600_000
"""How long an advert stands; renewed at half of it, so one lost renewal is not noticed."""
ADVERT_LIFE_MAX_MS = 7 * ADVERT_LIFE_MS
"""Nobody is listed for longer than a week after they were last heard."""
ADVERT_AHEAD_MAX_MS = 120_000
"""How far a clock may be ahead, the same as for block time."""

FOREIGN_DEFINITIONS_MAX = 1_024
"""Definitions taken from peers; 1,024 of 3 KiB are 3 MiB."""
ADVERTS_MAX = 16_384
"""Members in the directory, one advert each; the directory is measured at 10,000."""
ADVERTS_BYTES_MAX = 64 << 20
"""Bytes of all adverts together."""
FOUND_MAX = 64
"""Offers returned by one search; a call goes to fewer."""
CHECKS_MAX = 1_024
"""Candidates judged exactly in one search; the columns let few through that fail."""
EXPLAINED_MAX = 2_048
"""Offers looked at to say why nobody fits."""
SEARCH_WORDS_MAX = 8
"""Words in one directory search."""
