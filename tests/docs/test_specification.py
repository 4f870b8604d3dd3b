"""The specification is in the repository: what cites it finds its clause, and each law of it is cited by a test."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SPECIFICATION = ROOT / "docs/specification"
PAGES = sorted(SPECIFICATION.glob("*.md"))
FOLDERS = ("config", "docs", "engine", "notifiers", "rules", "templates", "tests")
SUFFIXES = {".css", ".html", ".js", ".lua", ".md", ".py", ".toml", ".yaml"}
CITATION = re.compile(r"docs/specification/(\w+)\.md(#[\w-]+(?:,\s+(?:# )?#[\w-]+)*)?")
"""A page, or clauses of it: `docs/specification/rules.md#distance, #watermark`, which may go on in the next line."""
NAMED = re.compile(r"(?<![\w./<>*@{}-])[\w-][\w./-]*\.md\b(?![\w-])")
"""A file of documentation, by its name or path; one with a placeholder is left alone."""
LAW = "Law."
"""This line under the heading of a clause marks it as one that a test must cite."""


def files() -> Iterator[Path]:
    """Yield the text files of the repository that people read or run."""
    yield from (ROOT / name for name in ("README.md", "CHANGELOG.md", "pyproject.toml", "run"))
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in SUFFIXES and path.is_file() and path != Path(__file__):
                yield path


def clauses(page: Path) -> Iterator[tuple[str, str, bool]]:
    """Yield heading, anchor by GitHub's rule, and whether the clause is a law, of each clause of a page."""
    lines, fenced = page.read_text(encoding="utf-8").splitlines(), False
    for number, line in enumerate(lines):
        fenced ^= line.startswith("```")
        if not fenced and (heading := re.match(r"#+ (.+)", line)):
            anchor = re.sub(r"[^\w\- ]", "", heading[1].lower()).replace(" ", "-")
            yield heading[1], anchor, lines[number + 1 : number + 3] == ["", LAW]


@cache
def anchors(page: str) -> frozenset[str]:
    path = SPECIFICATION / f"{page}.md"
    return frozenset(anchor for _, anchor, _ in clauses(path)) if path.exists() else frozenset()


def cited(text: str) -> Iterator[tuple[str, str]]:
    """Yield page and anchor of each citation of a text; the anchor is empty where the page is meant."""
    for page, several in CITATION.findall(text):
        yield from ((page, anchor) for anchor in re.findall(r"#([\w-]+)", several) or [""])


def remarks(path: Path) -> str:
    """Return what a file says to those who read it: of a module its comments and docstrings, else all of it."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        docs = [
            node.value.value
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        ]
        comments = [
            token.string
            for token in tokenize.generate_tokens(io.StringIO(text).readline)
            if token.type == tokenize.COMMENT
        ]
        return "\n".join((*docs, *comments))
    if path.suffix in {".lua", ".toml", ".yaml"}:
        return "\n".join(re.findall(r"(?:#|--) .*", text))
    return text


def test_every_clause_that_is_cited_exists() -> None:
    """In code, tests, settings and documents alike."""
    citations = [(path, page, anchor) for path in files() for page, anchor in cited(path.read_text("utf-8"))]
    wrong = [
        f"{path.relative_to(ROOT)}: {page}.md#{anchor}"
        for path, page, anchor in citations
        if not (SPECIFICATION / f"{page}.md").exists() or (anchor and anchor not in anchors(page))
    ]
    assert wrong == []
    assert len(citations) > 300


def test_every_link_within_the_specification_leads_to_a_clause() -> None:
    """Also from one page to another."""
    wrong = []
    for page in PAGES:
        for file, anchor in re.findall(r"\]\((\w*(?:\.md)?)#([\w-]+)\)", page.read_text(encoding="utf-8")):
            if anchor not in anchors(file.removesuffix(".md") or page.stem):
                wrong.append(f"{page.name}: {file}#{anchor}")
    assert wrong == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_each_anchor_is_one_clause_and_short(page: Path) -> None:
    """Two clauses of one heading would share an anchor, and GitHub would number them."""
    found = Counter(anchor for _, anchor, _ in clauses(page))
    assert [anchor for anchor, times in found.items() if times > 1] == []
    assert [anchor for heading, anchor, law in clauses(page) if law and len(anchor) > 40] == []


def test_no_document_is_named_that_does_not_exist() -> None:
    """Code names documents in comments and docstrings; a name alone may be one of docs/ or of the same folder.

    What lies in `sop/` is an installation's own.
    """
    absent = []
    for path in files():
        for name in NAMED.findall(re.sub(r"https?://\S+", "", remarks(path))):
            places = (ROOT, ROOT / "docs", path.parent, SPECIFICATION)
            if not name.startswith("sop/") and not any((place / name).exists() for place in places):
                absent.append(f"{path.relative_to(ROOT)}: {name}")
    assert absent == []


def test_every_law_is_cited_by_a_test() -> None:
    """Whoever changes a law finds the test that states it, and whoever changes the test finds the law."""
    tests = [path for path in files() if path.is_relative_to(ROOT / "tests")]
    known = {citation for path in tests for citation in cited(path.read_text("utf-8"))}
    laws = [(page.stem, anchor) for page in PAGES for _, anchor, law in clauses(page) if law]
    assert [law for law in laws if law not in known] == []
    assert len(laws) > 150
