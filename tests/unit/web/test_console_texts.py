"""The texts of the console: whatever a page or the code names is there, and nothing is left over."""

import re
from pathlib import Path

from engine.web.console.page_renderer import console_catalogue
from tests.unit.texts.sample import CATALOGUE, ROOT, TEMPLATES

SOURCES = [
    *(ROOT / "engine/web/console").glob("*.py"),
    *(ROOT / "engine/texts/console").glob("*.py"),
    *(TEMPLATES / "console").glob("*.j2"),
]
TEXTS = console_catalogue(CATALOGUE, TEMPLATES).pairs


def code() -> str:
    return "\n".join(Path(source).read_text(encoding="utf-8") for source in SOURCES)


def test_every_text_that_a_page_names_is_there():
    """A misspelt key would be a page that cannot be shown at 02.50."""
    named = set(re.findall(r"""["'](console(?:\.\w+)+)["']""", code())) - {"console.css", "console.js"}
    assert {key for key in named if key not in TEXTS} == set()
    assert len(named) > 40


def test_nothing_is_left_over():
    """A text that nobody asks for is a text that nobody keeps true."""
    text = code()
    beginnings = tuple(re.findall(r"""["'](console\.[\w.]+\.)(?:\{|["'])""", text))
    quoted = set(re.findall(r"""["']console[\w.]+["']""", text))
    unused = {
        key
        for key in TEXTS
        if key.startswith("console.")
        and not {f'"{key}"', f"'{key}'"} & quoted
        and not key.startswith(beginnings)
        and not key.endswith(".explained")
    }
    assert unused == set()


def test_no_template_holds_words():
    """Words stand in the texts, in both languages."""
    for template in (TEMPLATES / "console").glob("*.j2"):
        text = template.read_text(encoding="utf-8")
        for code in (
            r"{#.*?#}|{%.*?%}|{{.*?}}",
            r"<[^>]*>",
            r"\w+(?:/\w+)+\.\w+",
        ):  # jinja, tags, paths of files
            text = re.sub(code, " ", text, flags=re.DOTALL)
        assert re.findall(r"[^\W\d_]{2,}", text) in ([], ["Siaga"], ["Siaga", "Siaga"]), template.name
