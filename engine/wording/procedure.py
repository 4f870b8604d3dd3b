"""Procedures: the SOP that a rule names, in the words of its file, as a part of a page.

Here: from the Markdown that policy staff write to HTML. Not here: finding and reading the file (`service.procedures`)
and where it stands on a page. What it may hold is less than what Markdown allows: text, lists, quotes, and addresses
that begin with https. Markup and pictures are written out as what they are, so that a page never loads anything.
"""

from __future__ import annotations

from markdown_it import MarkdownIt
from markupsafe import Markup


class _Markdown(MarkdownIt):
    def validateLink(self, url: str) -> bool:  # noqa: N802 -- the library's name
        """Say whether an address becomes a link."""
        return url.startswith("https://")


_MARKDOWN = _Markdown("commonmark", {"html": False}).disable("image")


def procedure(markdown: str) -> Markup:
    """Return a procedure as HTML. Headings become paragraphs: those of the page it stands in stay the only ones."""
    tokens = _MARKDOWN.parse(markdown)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = "p"
            if token.nesting == 1:
                token.attrSet("class", "heading")
    html: str = _MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {})
    return Markup(html)  # noqa: S704 -- escaped by the renderer, which lets no markup through
