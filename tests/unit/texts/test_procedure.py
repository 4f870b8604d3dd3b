"""Procedures on pages: what policy staff write is shown, and nothing of it loads, runs or leads anywhere unsafe."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.texts.answer_page import procedure
from tests.unit.texts.test_render import Shape

SHIPPED = sorted((Path(__file__).parents[3] / "docs/sop").glob("*.md"))
ALLOWED = {"p", "ol", "ul", "li", "strong", "em", "blockquote", "a", "code", "pre", "br", "hr"}


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_the_shipped_procedures_are_shown_whole(file: Path):
    """Numbered steps as such, headings as paragraphs, no sign of Markdown left over."""
    html = procedure(file.read_text(encoding="utf-8"))
    assert {tag for tag, _ in Shape(html).tags} <= ALLOWED
    assert '<p class="heading">SOP: ' in html
    assert html.count("<ol>") >= 1
    assert "**" not in html


@pytest.mark.parametrize(
    "written",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "![x](https://example.org/x.png)",
        "[x](javascript:alert(1))",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        "[x](http://example.org/)",
        "[x]: javascript:alert(1)\n\n[x]",
        "<javascript:alert(1)>",
        "[x](/a/token)",
    ],
)
def test_what_would_load_run_or_lead_elsewhere_is_written_out(written: str):
    """It is shown as text, so that its author sees that it is not taken."""
    tags = Shape(procedure(written)).tags
    assert not any(
        value.startswith(("javascript:", "data:", "http:", "/")) for _, a in tags for value in a.values()
    )
    assert {tag for tag, _ in tags} <= {"p", "a"}


@given(st.text(alphabet="<>[]()!`*_#&\"'\n ax:/-", max_size=60))
def test_no_text_becomes_another_element(written: str):
    """Whatever the signs: headings, tables, comments, pictures, frames never come out."""
    shape = Shape(procedure(written))
    assert {tag for tag, _ in shape.tags} <= ALLOWED
    assert all(name in ("class", "href", "title", "start") for _, a in shape.tags for name in a)


def test_an_address_opens():
    html = procedure("Lihat <https://jdih.example.go.id/skb> atau [SKB](https://jdih.example.go.id/skb).")
    assert html.count('href="https://jdih.example.go.id/skb"') == 2
