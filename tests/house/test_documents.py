"""The documents are true: each rule of a SPEC has a test that names it, each word of the glossary is in use."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping

import pytest

from tests.house.sources import PROJECT, ROOMS, python_files, texts

SPECS = ("ledger/SPEC.md", "protocol/SPEC.md")
RULE = re.compile(r"^[ \t]*(?:[-*] +|#+ +|\| *)?(?:\*\*)?([A-Z]{1,3}-\d+[a-z]?)\b(?=[.:* |])", re.MULTILINE)
CITED = re.compile(r"\bSPEC ((?:[A-Z]{1,3}-\d+[a-z]?(?:, | and |/)?)+)")
TERM = re.compile(r"^[ \t]*(?:[-*] +|\| *)?\*\*([^*\n]+)\*\*", re.MULTILINE)
SCRIPT = re.compile(r"(?:^|[\s`(])((?:scripts|\.ci)/[\w/.-]*\w)", re.MULTILINE)


def rules(spec: str) -> list[str]:
    """The numbers of the rules a SPEC states: those at the start of a line, an item or a table row."""
    return RULE.findall(spec)


def rules_without(stated: list[str], tests: str) -> Iterator[str]:
    named = set(re.findall(r"\b[A-Z]{1,3}-\d+[a-z]?\b", tests))
    return (rule for rule in stated if rule not in named)


def words_not_in_use(terms: list[str], prose: str) -> Iterator[str]:
    for term in terms:
        for word in re.split(r"\s*[/,]\s*|\s+or\s+", re.sub(r"\(.*?\)", "", term)):
            plain = spoken(word)
            if plain and plain not in prose:
                yield f"{word.strip()!r} is in the glossary and nowhere else"


def spoken(text: str) -> str:
    """A name and its prose alike: `call_for_proposals` and "Call for proposals" become the same words."""
    return re.sub(r"[\W_]+", " ", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)).lower().strip()


def standing(path: str) -> str:
    file = PROJECT / path
    if not file.exists():
        pytest.skip(f"{path} is not written yet")
    return file.read_text(encoding="utf-8")


def code_and_tests() -> tuple[str, str]:
    tests = "\n".join(one.text for one in python_files("tests") if not one.path.startswith("tests/house/"))
    return "\n".join(one.text for one in python_files(*ROOMS)), tests


@pytest.mark.parametrize("path", SPECS)
def test_every_rule_of_a_spec_is_named_in_a_test(path: str) -> None:
    stated = rules(standing(path))
    assert stated, f"{path} states no numbered rule"
    assert list(rules_without(stated, code_and_tests()[1])) == []


def test_no_rule_number_is_given_twice() -> None:
    stated = [rule for path in SPECS for rule in rules(standing(path))]
    assert [rule for rule, times in Counter(stated).items() if times > 1] == []


def test_every_rule_that_is_cited_exists() -> None:
    stated = {rule for path in SPECS for rule in rules(standing(path))}
    cited = {
        rule
        for text in code_and_tests()
        for run in CITED.findall(text)
        for rule in re.findall(r"[A-Z]+-\d+[a-z]?", run)
    }
    assert cited - stated == set()


def test_every_word_of_the_glossary_is_in_use() -> None:
    terms = TERM.findall(standing("GLOSSARY.md"))
    assert terms, "GLOSSARY.md has no term: a term stands in ** ** at the start of its line or row"
    others = {path: text for path, text in texts(".md", ".py", ".toml").items() if path != "GLOSSARY.md"}
    assert list(words_not_in_use(terms, "\n".join(map(spoken, others.values())))) == []


def test_no_word_of_the_glossary_is_explained_twice() -> None:
    terms = Counter(map(spoken, TERM.findall(standing("GLOSSARY.md"))))
    assert [term for term, times in terms.items() if times > 1] == []


def scripts_that_are_missing(documents: Mapping[str, str]) -> Iterator[str]:
    for path, text in documents.items():
        for name in SCRIPT.findall(text):
            if not (PROJECT / name).exists():
                yield f"{path} names {name}, which does not exist"


def test_every_script_a_document_names_exists() -> None:
    assert list(scripts_that_are_missing(texts(".md"))) == []


LINK = re.compile(r"\]\((?!https?://|#|mailto:)([^)#\s]+)")


def test_every_file_a_document_links_to_exists() -> None:
    for path, text in texts(".md").items():
        for target in LINK.findall(text):
            assert ((PROJECT / path).parent / target).exists(), f"{path} links to {target}, which does not exist"


def test_these_checks_find_their_planted_faults() -> None:
    spec = "# Rules\n\n**L-1** MUST (see M-9).\n- **L-2.** MUST too.\nL-3. And.\n| W-4 | a row |\n#### A-5 A heading.\n"
    assert rules(spec) == ["L-1", "L-2", "L-3", "W-4", "A-5"]
    assert list(rules_without(rules(spec), "proves L-1, L-2 and L-33; W-4, A-5")) == ["L-3"]
    assert TERM.findall("- **call for proposals**: x\n| **award** | y |\n**lot** z **not this**") == [
        "call for proposals", "award", "lot"]  # fmt: skip
    prose = spoken("CallForProposals and an award_id")
    assert list(words_not_in_use(["call for proposals", "award / lot"], prose)) == [
        "'lot' is in the glossary and nowhere else"
    ]
    assert list(scripts_that_are_missing({"a.md": "run `scripts/test` or scripts/never"})) == [
        "a.md names scripts/never, which does not exist"]  # fmt: skip
    assert CITED.findall("Source: SPEC M-3, M-4.") == ["M-3, M-4"]
