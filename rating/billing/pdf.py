"""An invoice as a PDF of A4 pages.

Enters: an :class:`Invoice`. Leaves: the bytes of a PDF. Always holds: fonts are embedded, those parts of them that are
used, so it looks alike everywhere; the same invoice gives the same bytes; long tables repeat their heads, and long
texts are broken into lines.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import matplotlib as mpl
from fontTools.ttLib import TTFont
from fpdf import FPDF
from fpdf.enums import TableBordersLayout, XPos, YPos
from fpdf.fonts import FontFace
from pylopdf_fonts_zh_cn import sans_path

from rating.billing.invoice import Block, Invoice

_LATIN, _CHINESE = "latin", "chinese"
_FONTS: Final = {"en": (_LATIN, _CHINESE), "zh": (_CHINESE, _LATIN)}
"""The font of each language, and where characters come from that it lacks."""

_INK, _GREY, _BLUE, _RED = (29, 39, 51), (74, 88, 102), (31, 78, 121), (179, 38, 30)
_PALE: Final = (243, 246, 249)
"""Below sums: the Chinese font has no bold letters."""
_MARGIN, _LINE, _HALF, _NAME = 51, 13, 232, 120
"""Points: margins, the height of a line, the widths of half a page and of a fact's name."""
_TEXT, _SMALL, _TITLE, _BLOCK = 9, 8, 18, 11
"""Points: sizes of letters."""
_BLOCK_LEAST = 60
"""Points of a page that a table wants to begin there."""
_WIDTHS: Final = {2: (7, 3), 4: (10, 3, 4, 5)}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def pdf(made: Invoice) -> bytes:
    """The PDF of ``made``."""
    paper = _Paper(made)
    paper.add_page()
    paper.head()
    for block in (made.summary, *made.blocks):
        paper.block(block)
    paper.ln(_LINE)
    paper.lines(made.remarks, _GREY)
    return bytes(paper.output())


class _Paper(FPDF):
    """The pages of one invoice."""

    def __init__(self, made: Invoice) -> None:
        super().__init__(unit="pt", format="A4")
        self._made = made
        self.set_creation_date(_EPOCH)
        self.set_title(f"{made.title} {made.facts[0][1]}")
        self.set_lang(made.language)
        self.set_margin(_MARGIN)
        self.set_auto_page_break(auto=True, margin=_MARGIN)
        self._main, self._other = _FONTS[made.language]
        self._load_fonts()

    def _load_fonts(self) -> None:
        """The language's font, and the other one where characters need it: loading it takes a while."""
        self._add(self._main)
        with TTFont(_files(self._main)[0], lazy=True) as font:
            known = font.getBestCmap()
        if any(ord(char) not in known for text in _texts(self._made) for char in text):
            self._add(self._other)
            self.set_fallback_fonts([self._other], exact_match=False)

    def _add(self, name: str) -> None:
        for style, file in zip(("", "B"), _files(name), strict=True):
            self.add_font(name, style, file)

    def footer(self) -> None:
        """Number, page and pages, at the foot of each page."""
        self.set_y(12 - _MARGIN)
        self._style(_GREY, _SMALL)
        pages = self._made.page.replace("{page}", str(self.page_no())).replace("{pages}", str(self.str_alias_nb_pages))
        self.cell(0, _LINE, f"{self._made.title} {self._made.facts[0][1]}  |  {pages}")

    def _style(self, ink: tuple[int, int, int] = _INK, points: int = _TEXT, *, bold: bool = False) -> None:
        self.set_font(self._main, "B" if bold else "", points)
        self.set_text_color(*ink)

    def lines(self, texts: Iterable[str], ink: tuple[int, int, int] = _INK, align: str = "L", width: int = 0) -> None:
        """Lines below each other, broken where they are too long."""
        self._style(ink)
        left = self.x
        for text in texts:
            self.set_x(left)
            self.multi_cell(width, _LINE, text, align=align, new_x=XPos.LEFT, new_y=YPos.NEXT)

    def head(self) -> None:
        """Whose bill it is and who sends it, side by side; title; facts."""
        top = self.y
        self.lines(self._made.customer, width=_HALF)
        below = self.y
        self.set_xy(self.l_margin + self.epw - _HALF, top)
        self.lines(self._made.issuer, _GREY, align="R", width=_HALF)
        self.set_xy(self.l_margin, max(below, self.y) + 2 * _LINE)
        self._style(_BLUE, _TITLE, bold=True)
        self.cell(0, 2 * _LINE, self._made.title, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        if self._made.draft:
            self.lines([self._made.draft], _RED)
        self.ln(4)
        for name, value in self._made.facts:
            self._fact(name, value)

    def _fact(self, name: str, value: str) -> None:
        self._style(_GREY)
        self.cell(_NAME, _LINE + 2, name)
        self._style()
        self.multi_cell(0, _LINE + 2, value, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def block(self, block: Block) -> None:
        """A table under its title; both begin on one page."""
        self.ln(_LINE)
        if self.will_page_break(_BLOCK_LEAST):
            self.add_page()
        self._style(_BLUE, _BLOCK, bold=True)
        self.multi_cell(0, _LINE + 4, block.title, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self._style(points=_SMALL if block.heads else _TEXT)
        self.set_draw_color(221, 227, 233)
        columns = len(block.heads) or 2
        with self.table(
            col_widths=_WIDTHS[columns],
            text_align=("L", *["R"] * (columns - 1)),
            first_row_as_headings=bool(block.heads),
            headings_style=FontFace(emphasis="", color=_GREY),
            borders_layout=TableBordersLayout.HORIZONTAL_LINES,
            line_height=_LINE,
            padding=(2, 3),
        ) as table:
            if block.heads:
                table.row(block.heads)
            for row in block.rows:
                table.row(row.cells, style=FontFace(emphasis="B", fill_color=_PALE) if row.strong else None)


def _files(name: str) -> tuple[Path, Path]:
    """The files of a font: plain and bold."""
    if name == _CHINESE:
        return sans_path(), sans_path()
    folder = Path(mpl.get_data_path(), "fonts", "ttf")
    return folder / "DejaVuSans.ttf", folder / "DejaVuSans-Bold.ttf"


def _texts(made: Invoice) -> Iterable[str]:
    """Every text of ``made``."""
    yield from (made.title, made.draft, made.page, *made.issuer, *made.customer, *made.remarks)
    yield from (text for fact in made.facts for text in fact)
    for block in (made.summary, *made.blocks):
        yield from (block.title, *block.heads, *(cell for row in block.rows for cell in row.cells))
