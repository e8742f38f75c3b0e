"""The report in a browser: opened from a file, with the network cut, and used as a person uses it."""

import dataclasses
import io
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from omegaconf import OmegaConf
from PIL import Image

from isagrsc2.export.report import Report
from isagrsc2.reference.reading import read_reference
from isagrsc2.scene.raster import open_scene
from isagrsc2.scene.stretch import NoStretch

playwright = pytest.importorskip("playwright.sync_api", reason="the tests' extra `dev` is not installed")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed (Debian: apt-get install chromium)"),
]

OPTIONS = OmegaConf.to_container(OmegaConf.load(Path(__file__).parents[2] / "conf/export/report.yaml").report)
del OPTIONS["_target_"]
# A sandbox of its own is not given to root; the others keep Chromium from looking for updates and the like.
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update"]
# (50, 70) px, a grid of 25 parcels of 10 x 14 px.
GRID = (np.arange(50, dtype=np.int32)[:, None] // 10) * 5 + np.arange(70, dtype=np.int32) // 14 + 1

READY = "window.Bokeh && Bokeh.documents.length == 1 && Bokeh.documents[0].is_idle"
# Where a place of the map lies on the screen.
ON_SCREEN = """([x, y]) => {
  const map = Bokeh.documents[0].get_model_by_name("map")
  const view = Bokeh.index.get_by_id(map.id)
  const {left, top} = view.el.getBoundingClientRect()
  return [left + view.frame.x_scale.compute(x), top + view.frame.y_scale.compute(y)]
}"""


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield running
        running.close()


@pytest.fixture
def opened(browser, tmp_path):
    """Open the report of a result; afterwards nothing may have gone wrong."""
    context = browser.new_context(viewport={"width": 1400, "height": 900}, offline=True)
    page = context.new_page()
    wrong, asked = [], []
    page.on("console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))

    def show(result):
        path = Report(**OPTIONS).write(result, tmp_path)
        page.goto(path.as_uri())
        page.wait_for_function(READY)
        page.wait_for_timeout(300)  # the picture is decoded after the document is idle
        return page

    yield show
    assert wrong == []
    assert [url for url in asked if not url.startswith("data:")] == [(tmp_path / "report.html").as_uri()]
    context.close()


def model(page, name, expression):
    """A property of the model called so."""
    return page.evaluate(f"(name) => {{ const one = Bokeh.documents[0].get_model_by_name(name); return {expression} }}", name)


def point_at(page, x, y, click=False):
    left, top = page.evaluate(ON_SCREEN, [x, y])
    page.mouse.move(left - 3, top - 3)
    page.mouse.move(left, top)
    if click:
        page.mouse.click(left, top)
    page.wait_for_timeout(300)


def colour_at(page, x, y):
    """RGB of the screen at a place of the map."""
    left, top = page.evaluate(ON_SCREEN, [x, y])
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    return np.array(picture.getpixel((round(left), round(top))), int)


def test_pointing_shows_the_values(opened, make_result):
    page = opened(make_result(labels=GRID, crs=None))
    point_at(page, 14 + 7, 10 + 5)  # row 1, column 1: parcel 7
    text = " ".join(page.locator(".bk-Tooltip").evaluate_all("all => all.map((one) => one.shadowRoot.textContent)"))
    values = ["parcel: 7", "class: cultivated", "probability cultivated: 0.90", "area: 140 px", "score: 0.625", "round: 1"]
    assert [value for value in values if value.replace(" ", "") not in text.replace(" ", "")] == []


def test_the_image_is_not_mirrored(opened, make_result, tmp_path):
    result = make_result(labels=np.where(GRID == 7, 1, 0).astype(np.int32), crs=None)
    picture = np.zeros((50, 70, 3), np.uint8)
    picture[:25, :35], picture[:25, 35:], picture[25:, :35] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    path = tmp_path / "quarters.png"
    Image.fromarray(picture).save(path)
    page = opened(dataclasses.replace(result, scene=open_scene(path, "auto", NoStretch())))
    for x, y, colour in ((5, 5, (255, 0, 0)), (60, 5, (0, 255, 0)), (5, 45, (0, 0, 255)), (60, 45, (0, 0, 0))):
        assert np.abs(colour_at(page, x, y) - colour).max() < 40
    # The parcel, 14 to 28 px from the left and 10 to 20 px from the top, is tinted.
    assert np.abs(colour_at(page, 21, 15) - (255, 0, 0)).max() > 60
    assert np.abs(colour_at(page, 21, 23) - (255, 0, 0)).max() < 40


def test_filters_narrow_map_table_and_histogram(opened, make_result):
    result = make_result(labels=GRID)
    (parcels,) = result.parcels
    page = opened(result)
    place = (10 * 21, 10 * 5)  # m, in parcel 2, which is not cultivated
    before = colour_at(page, *place)
    page.locator(".bk-btn", has_text="not cultivated").click()
    kept = parcels[parcels["class_name"] != "not_cultivated"]
    page.wait_for_timeout(300)

    def shown():
        rows = page.evaluate(
            """() => { const {data} = Bokeh.documents[0].get_model_by_name("parcels")
            return Bokeh.documents[0].get_model_by_name("rows").view.filter.indices.map((i) => data.parcel_id[i]) }"""
        )
        assert sum(model(page, "bars", "[...one.data.shown]")) == len(rows)
        assert page.get_by_text(f"{len(rows)} of {len(parcels)} parcels pass the filters").is_visible()
        return set(rows)

    assert shown() == set(kept["parcel_id"])
    bare = colour_at(page, *place)
    assert (bare != before).any()
    page.locator(".bk-btn", has_text="Parcels").click()
    page.wait_for_timeout(200)
    assert (colour_at(page, *place) == bare).all()
    assert not any("not cultivated" in row for row in page.locator(".slick-row").all_inner_texts())
    page.locator(".bk-btn", has_text="2 (").click()
    page.wait_for_timeout(200)
    kept = kept[kept["round"] == 1]
    assert shown() == set(kept["parcel_id"])
    handles = page.locator(".noUi-handle")  # of opacity, of score from and to, of area from and to
    for _ in range(70):
        handles.nth(1).press("ArrowRight")
    page.wait_for_timeout(200)
    assert model(page, "score_filter", "one.value[0]") == pytest.approx(0.7)
    kept = kept[kept["score"] >= 0.7]
    assert 0 < len(kept) < 12
    assert shown() == set(kept["parcel_id"])
    handles.nth(4).press("Home")  # the upper end of the area, down to the lower
    page.wait_for_timeout(200)
    assert shown() == set()
    page.locator(".bk-btn", has_text="Show all").click()
    page.wait_for_timeout(200)
    assert shown() == set(parcels["parcel_id"])


def test_map_and_table_select_each_other(opened, make_result):
    labels = GRID.copy()
    labels[:3, :3] = 0  # parcel 1 is the smallest
    page = opened(make_result(labels=labels, crs=None))

    def selected():
        return model(page, "parcels", "one.selected.indices.map((i) => one.data.parcel_id[i])")

    point_at(page, 21, 15, click=True)
    assert selected() == [7]
    assert page.locator(".slick-cell.selected").first.inner_text() == "7"
    # What is filtered away stays selected, and comes back so.
    page.get_by_role("button", name=re.compile("^cultivated")).click()
    page.wait_for_timeout(200)
    assert page.locator(".slick-cell.selected").count() == 0
    page.locator(".bk-btn", has_text="Show all").click()
    page.wait_for_timeout(200)
    assert selected() == [7]
    assert page.locator(".slick-cell.selected").first.inner_text() == "7"
    page.locator(".bk-btn", has_text="Clear selection").click()
    assert selected() == []
    # Sorted by area, the smallest comes first; its row selects it, and no other, on the map.
    page.locator(".slick-header-column", has_text="Area").click()
    page.wait_for_timeout(200)
    assert page.locator(".slick-row .slick-cell").first.inner_text() == "1"
    before = colour_at(page, 7, 7)
    page.locator(".slick-row .slick-cell").first.click()
    page.mouse.move(5, 5)
    page.wait_for_timeout(300)
    assert selected() == [1]
    assert np.abs(colour_at(page, 7, 7) - before).max() > 15
    # The view goes there: three times the parcel's height, at least.
    page.locator(".bk-btn", has_text="Zoom to selection").click()
    page.wait_for_timeout(300)
    left, right = model(page, "map", "[one.x_range.start, one.x_range.end]")
    top, bottom = model(page, "map", "[one.y_range.end, one.y_range.start].sort((a, b) => a - b)")
    assert (left + right) / 2 == pytest.approx(7)
    assert (top + bottom) / 2 == pytest.approx(5)
    assert min((right - left) / 14, (bottom - top) / 10) == pytest.approx(3, rel=0.01)
    page.locator(".bk-btn", has_text="Whole image").click()
    page.wait_for_timeout(300)
    assert model(page, "map", "one.y_range.start >= 50 || one.y_range.end >= 50")


def test_layers_and_colours(opened, make_result, tmp_path):
    result = make_result(labels=GRID, crs=None)
    path = tmp_path / "reference.parquet"
    result.segments[0][["geometry"]].to_parquet(path)
    last = {"area_iou": 1.0, "area_precision": 1.0, "area_recall": 1.0}
    compared = {"path": str(path), "areas_only": True, "predictions": "cultivated segments", "rounds": [last]}
    page = opened(dataclasses.replace(result, metrics={"reference": compared}, reference=read_reference(path, result.scene)))
    at = (21, 15)
    first = colour_at(page, *at)
    page.locator(".bk-btn", has_text="Round").click()
    page.wait_for_timeout(200)
    by_round = colour_at(page, *at)
    assert np.abs(by_round - first).max() > 15
    assert page.get_by_text("round 1").is_visible()
    page.locator(".bk-btn", has_text="Parcels").click()
    page.wait_for_timeout(200)
    assert np.abs(colour_at(page, *at) - by_round).max() > 15
    page.get_by_role("button", name="Image", exact=True).click()
    page.wait_for_timeout(200)
    assert colour_at(page, *at).tolist() == [0xEE, 0xF0, 0xEC]  # nothing is left
    page.locator(".bk-btn", has_text="Reference").click()
    page.wait_for_timeout(200)
    left, top = (round(value) for value in page.evaluate(ON_SCREEN, [14, 15]))
    picture = np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("RGB"), int)[
        top - 15 : top + 15, left - 3 : left + 4
    ]
    assert (np.abs(picture - (255, 0, 200)).max(axis=2) < 60).any()


def test_an_empty_result_opens(opened, make_result):
    page = opened(make_result(labels=np.zeros((50, 70), np.int32)))
    assert page.get_by_text("No parcels were found in this image.").is_visible()
