"""Reads an Open Know-How manifest, whichever of its forms it has, into a Design; every fault is a finding.

Forms: version 1 (YAML; `title`, `license.hardware`, `design-files`), LOSH and version 2 (TOML; `okhv`, `name`,
`[[part]]`), and the JSON that tools make of both (`manufacturing_processes`, `parts`, `manufacturing_specs`). The
form only decides the label: every key is looked for under all of its names, since real files mix them. Never raises
on what is in the file. Sources: Open Know-How 1.0 section 4; OKH-LOSH 1.0; Open Know-How 2.4 template; the files
people published.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from protocol.exchange.bounds import PARTS_MAX, PATH_CHARS_MAX, PROSE_CHARS_MAX
from protocol.exchange.design import Design, DesignForm, Part, Setting
from protocol.exchange.findings import Finding, Findings
from protocol.exchange.okh_settings import read_settings
from protocol.exchange.okh_sizes import read_extents, read_mass
from protocol.exchange.processes import code_of, is_known
from protocol.exchange.table import Table, is_placeholder, kind_of
from protocol.exchange.text import clean_line, show
from protocol.exchange.tree import Form, parse

_SIGNS = frozenset(
    {
        *("manifest-author", "manifest-language", "intended-use", "made", "made-independently", "project-link"),
        *(
            "documentation-home",
            "making-instructions",
            "manufacturing-files",
            "design-files",
            "manufacturing-processes",
        ),
        *("manufacturing-instructions", "technology-readiness-level", "tsdc", "part", "parts", "bom", "function"),
        *("licensor", "repo", "documentation-language"),
    }
)
"""Keys of a manifest; a file with a title and two of them is taken for one even when it names no version."""

_SIGNS_OF_A_FACILITY = frozenset(
    {
        *("equipment", "facility", "facility-status", "inventory-atoms", "supply-atoms", "product-atoms"),
        *("manufacturing-facility", "gps-coordinates", "geocoding"),
    }
)
_VERSION_KEYS = ("okhv", "okh-manifest-version", "okh-version")


@dataclass(frozen=True, slots=True, kw_only=True)
class DesignReading:
    """A design and what there is to say about its file; without a design one finding at least is an ERROR."""

    design: Design | None
    findings: tuple[Finding, ...]


def read_design(data: bytes, name: str) -> DesignReading:
    """Reads a manifest; `name` is used in findings only. Never raises."""
    findings = Findings(name)
    parsed = parse(data, findings)
    design = None
    if parsed is not None:
        if isinstance(parsed.tree, dict):
            design = _read(Table.of(parsed.tree, "", findings), parsed.form)
        else:
            findings.error(
                "", f"is not an Open Know-How manifest: it holds {kind_of(parsed.tree)}, not keys with values"
            )
    return DesignReading(design=design, findings=findings.all())


def _read(top: Table, form: Form) -> Design | None:
    versioned = top.has(*_VERSION_KEYS)
    if not versioned and top.entries.keys() & _SIGNS_OF_A_FACILITY:
        top.findings.error("", "is an Open Know-Where facility, not a design; import it as a capability")
        return None
    if not versioned and len(top.entries.keys() & _SIGNS) < 2:
        top.findings.error(
            "okhv", "is not an Open Know-How manifest: neither a version ('okhv') nor its usual keys are there"
        )
        return None
    title = top.text("name", "title")
    if not title:
        top.findings.error("title" if form is Form.YAML else "name", "is missing or empty: a design needs a name")
        return None
    _note_version(top, versioned)
    whole = _whole(top, title)
    return Design(
        form={Form.TOML: DesignForm.LOSH, Form.YAML: DesignForm.V1, Form.JSON: DesignForm.JSON}[form],
        standard=top.text(*_VERSION_KEYS),
        title=title,
        version=top.text("version"),
        licence=_licence(top),
        licensor=_licensor(top),
        repo=top.text("repo", "project-link", "documentation-home", chars_max=PATH_CHARS_MAX),
        function=top.text("function", "description", chars_max=PROSE_CHARS_MAX),
        image=whole.image,
        bom=_bom(top),
        instructions=top.texts("manufacturing-instructions", "making-instructions"),
        whole=whole,
        parts=_parts(top),
    )


def _note_version(top: Table, versioned: bool) -> None:
    if not versioned:
        top.findings.note("okhv", "names no version of Open Know-How; read by its keys")
    for key in ("version", "repo"):
        others = ("project-link", "documentation-home") if key == "repo" else ()
        if not top.has(key, *others):
            top.findings.note(key, "is missing")


def _licence(top: Table) -> str:
    """The hardware's licence; the documentation's when there is none for the hardware (OKH v1 to LOSH mapping)."""
    key = top.first("license", "licence", "spdx-license", "alternative-license")
    value = top.get(key)
    licence = ""
    if isinstance(value, dict):
        table = Table.of(value, top.where(key), top.findings)
        licence = table.text("hardware", "documentation")
        if not licence and table.text("software"):
            top.findings.warn(table.where("software"), "is a licence for software only; the hardware has none")
    elif isinstance(value, list):
        texts = [text for text in top.texts(key) if text]
        licence = " AND ".join(texts[:8])
        if not licence:
            top.findings.warn(top.where(key), "is a list without a licence that can be read")
    else:
        licence = top.text(key)
    if not licence:
        top.findings.warn(top.where(key), "names no licence for the hardware: ask the maker before making it")
    return licence


def _licensor(top: Table) -> str:
    value = top.get("licensor")
    if isinstance(value, dict):
        return Table.of(value, top.where("licensor"), top.findings).text("name")
    return clean_line(", ".join(top.texts("licensor", chars_max=200)))


def _bom(top: Table) -> str:
    value = top.get("bom")
    if isinstance(value, dict):
        return Table.of(value, top.where("bom"), top.findings).text("external-file", "path", chars_max=PATH_CHARS_MAX)
    return top.text("bom", chars_max=PATH_CHARS_MAX)


def _whole(top: Table, title: str) -> Part:
    """The design as one thing to be made: its own codes, size, mass and files; v1 and JSON keep these elsewhere."""
    specs = top.table("manufacturing-specs")
    settings: dict[str, Setting] = dict(read_settings(top, whole=True))
    extents, mass = read_extents(top), read_mass(top)
    if specs is not None:
        extents = extents or read_extents(specs)
        for step in specs.tables("process-requirements", PARTS_MAX):
            inner = step.table("parameters")
            for name, setting in () if inner is None else read_settings(inner):
                settings.setdefault(name, setting)
    elif top.get("manufacturing-specs") is not None and not is_placeholder(str(top.get("manufacturing-specs"))):
        top.findings.warn(top.where("manufacturing-specs"), "should be a table; it is left out")
    return Part(
        name=title,
        key="",
        processes=_codes(top, "tsdc", "manufacturing-processes"),
        materials=_materials(top),
        mass=mass,
        extents=extents,
        settings=tuple(settings.items()),
        sources=top.texts("source", "design-files"),
        exports=top.texts("export", "manufacturing-files"),
        image=_image(top),
    )


def _parts(top: Table) -> tuple[Part, ...]:
    key = top.first("part", "parts")
    count: dict[str, int] = {}
    parts: list[Part] = []
    for table in top.tables(key, PARTS_MAX):
        part = _part(table)
        count[part.name] = count.get(part.name, 0) + 1
        if count[part.name] > 1:
            renamed = clean_line(f"{part.name[:180]} ({count[part.name]})")
            sentence = f"{show(part.name)} is also the name of another part; read as {show(renamed)}"
            table.findings.warn(table.where("name"), sentence)
            part = replace(part, name=renamed)
        parts.append(part)
    return tuple(parts)


def _part(table: Table) -> Part:
    name = table.text("name", "title", "label")
    if not name:
        name = table.place
        table.findings.warn(table.where("name"), f"is missing; the part is read as {show(name)}")
    codes = _codes(table, "tsdc", "manufacturing-processes", "manufacturing-process")
    return Part(
        name=name,
        key=table.place,
        processes=codes,
        materials=_materials(table),
        mass=read_mass(table),
        extents=read_extents(table),
        settings=read_settings(table),
        sources=table.texts("source", "design-files"),
        exports=table.texts("export", "manufacturing-files"),
        image=_image(table),
    )


def _codes(table: Table, *keys: str) -> tuple[str, ...]:
    """The technology codes of a part; `[part.tsdc.3DP]` tables name theirs by their keys."""
    key = table.first(*keys)
    value = table.get(key)
    words = tuple(value) if isinstance(value, dict) else table.texts(key, chars_max=60)
    codes = tuple(dict.fromkeys(code_of(clean_line(word, 60)) for word in words))
    for code in codes:
        if not is_known(code):
            table.findings.note(
                table.where(key), f"{show(code)} is not a technology code known here; it is kept as it is"
            )
    return codes


def _materials(table: Table) -> tuple[str, ...]:
    key = table.first("material", "materials")
    value = table.get(key)
    if not isinstance(value, list):
        return table.texts(key, chars_max=120)
    named = [
        Table.of(item, table.where(key), table.findings).text("material-id", "name") if isinstance(item, dict) else None
        for item in value
    ]
    return tuple(dict.fromkeys(name for name in named if name)) or table.texts(key, chars_max=120)


def _image(table: Table) -> str:
    images = table.texts("image", "images")
    return images[0] if images else ""
