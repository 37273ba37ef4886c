"""A slim picture looks like the one it was made of, to a shade, and weighs less than half."""

from __future__ import annotations

import io
from xml.etree import ElementTree

import numpy as np
import pytest
import vl_convert
from PIL import Image

from ecco_reports.charts.bundle import VEGA_LITE
from ecco_reports.charts.embed import without_answers
from ecco_reports.charts.slim import slim
from tests.charts.figures import HOSTILE, charts

LABELS = ["Heathrow", " is", " in", "·London", "Yes", *HOSTILE]


def drawn(name: str) -> str:
    spec = without_answers(charts(LABELS)[name].chart.to_dict())
    if spec.get("width") == "container":
        spec["width"] = 600
    return str(vl_convert.vegalite_to_svg(vl_spec=spec, vl_version=VEGA_LITE))


def pixels(svg: str) -> np.ndarray:
    png = vl_convert.svg_to_png(svg=svg.replace("currentColor", "#223344"), scale=2.0)
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGBA")).astype(int)


@pytest.mark.parametrize("name", ["lens", "candidates", "matrix", "rank_lines"])
def test_it_looks_the_same(name: str) -> None:
    svg = drawn(name)
    before, after = pixels(svg), pixels(slim(svg))
    assert before.shape == after.shape
    assert np.abs(before - after).mean() < 0.5  # Of 255: numbers of two digits move an edge, or a shade.


@pytest.mark.parametrize("name", ["lens", "candidates", "matrix", "rank_lines"])
def test_it_weighs_little(name: str) -> None:
    svg = drawn(name)
    assert len(slim(svg)) < 0.45 * len(svg)


def test_text_that_looks_like_markup_stays() -> None:
    def texts(svg: str) -> list[str]:
        return [element.text or "" for element in ElementTree.fromstring(svg).iter() if element.tag.endswith("text")]

    svg = drawn("lens")
    assert texts(slim(svg)) == texts(svg)
