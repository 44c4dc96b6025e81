"""The same table as HTML, Markdown and LaTeX."""

from __future__ import annotations

import pytest

from genrewise.training.report.grids import (
    Grid,
    Points,
    Range,
    Span,
    Written,
    html,
    latex,
    markdown,
    plain,
    tex_text,
)

GRID = Grid(
    ["system", "n", "F1", "accuracy (95 %)", "said"],
    [
        ["a_b & c", 2000, 0.7685, Span(0.75, 0.7, 1.0), "clips | shuffled"],
        ["<d>", None, 0.5, None, "–"],
    ],
    "50 % of <them>",
)


@pytest.mark.parametrize(
    ("cell", "long", "short"),
    [
        (0.5, "0.500", ".500"),
        (1.0, "1.000", "1.000"),
        (7, "7", "7"),
        (12415, "12,415", "12,415"),
        ("text", "text", "text"),
        (None, "–", "–"),
        (Range(0.25, 1.0), "0.250–1.000", ".250–1.000"),
        (Span(0.75, 0.7, 0.8), "0.750 (0.700–0.800)", ".750 (.700–.800)"),
        (Points(0.2234), "+22.3", "+22.3"),
        (Points(-0.005), "-0.5", "-0.5"),
    ],
)
def test_cells(cell, long, short):
    assert plain(cell) == long
    assert plain(cell, short=True) == short


def test_markdown_aligns_figures_and_escapes_bars():
    assert markdown(GRID) == (
        "50 % of <them>\n\n"
        "| system | n | F1 | accuracy (95 %) | said |\n"
        "| --- | ---: | ---: | ---: | --- |\n"
        "| a_b & c | 2,000 | 0.768 | 0.750 (0.700–1.000) | clips \\| shuffled |\n"
        "| <d> | – | 0.500 | – | – |\n"
    ).replace("0.768", f"{0.7685:.3f}")


def test_html_escapes_and_puts_words_on_the_left():
    made = html(GRID)
    assert '<th scope="row">a_b &amp; c</th>' in made
    assert '<th scope="row">&lt;d&gt;</th>' in made
    assert '<td data-name="said" class="left">clips | shuffled</td>' in made
    assert '<td data-name="n">2,000</td>' in made
    assert "50 % of &lt;them&gt;" in made
    assert 'class="stack"' in html(GRID, stack=True)


def test_latex_has_a_column_a_cell_and_escapes():
    made = latex(GRID)
    assert r"\begin{tabular}{lrrrl}" in made
    assert r"a\_b \& c & 2,000 & " in made
    assert "0.750 (0.700--1.000)" in made
    assert r"\caption{50 \% of <them>}" in made
    assert made.count(r"\\") == 3


def test_latex_takes_any_name():
    assert tex_text(r"50% a_b #1 {x} ~^\ &$") == (
        r"50\% a\_b \#1 \{x\} \textasciitilde{}\textasciicircum{}\textbackslash{} \&\$"
    )


def test_an_empty_table_is_a_head():
    empty = Grid(["a", "b"], [])
    assert markdown(empty) == "| a | b |\n| --- | --- |\n"
    assert latex(empty).count(r"\\") == 1
    assert "<tbody></tbody>" in html(empty)


def test_a_figure_written_out_stands_on_the_right():
    grid = Grid(["a", "p"], [["x", Written("< 0.001")], ["y", None]])
    assert "| --- | ---: |\n| x | < 0.001 |" in markdown(grid)
    assert '<td data-name="p">&lt; 0.001</td>' in html(grid)
    assert '<td data-name="p" class="none">–</td>' in html(grid)
    assert r"\begin{tabular}{lr}" in latex(grid)
