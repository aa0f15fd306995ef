"""The pages in headless Chromium, as a user drives them: upload, search, watch, read, train, download, predict."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests import browser
from tests.hpo.serve.serving import Serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

UNTIL = 90_000  # milliseconds to wait for what should come at once
WIDTHS = (360, 1400)
TOO_WIDE = """
() => [...document.querySelectorAll("main *")].filter(e => {
  if (e.closest(".scroll, .card, pre, .unseen, .boxes")) return false;
  const box = e.getBoundingClientRect();
  return box.width > 0 && box.right > document.documentElement.clientWidth + 1;
}).map(e => e.tagName + " " + e.textContent.slice(0, 40))
"""
Open = Callable[..., "Page"]


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The penguins of the real data, if they are at hand; else rows that look like them."""
    beside = Path(__file__).parents[4] / "shared" / "data"
    real = Path(os.environ.get("HPO_SHARED_DATA") or beside) / "tabular" / "penguins.csv"
    if real.is_file():
        return real
    species = ("Adelie", "Gentoo", "Chinstrap")
    rows = [f"{species[i % 3]},{30 + i % 3 * 7 + i % 5},{3000 + 10 * i}" for i in range(90)]
    path = tmp_path_factory.mktemp("table") / "penguins.csv"
    path.write_text("\n".join(["species,bill_length_mm,body_mass_g", *rows]))
    return path


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    folder = tmp_path_factory.mktemp("serving")
    with Serving(folder, f"sqlite:///{folder / 'service.db'}") as running:
        yield running


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    program = browser.find()
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as running:
        opened = running.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def open_page(chromium: Browser, serving: Serving) -> Iterator[Open]:
    """A page in a window of its own. At the end no page may have complained of anything."""
    contexts, complaints = [], list[str]()

    def begin(*, width: int = 1400, dark: bool = False, script: bool = True) -> Page:
        context = chromium.new_context(
            base_url=f"http://127.0.0.1:{serving.port}",
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
            java_script_enabled=script,
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(UNTIL)
        page.on(
            "console", lambda said: complaints.append(said.text) if said.type == "error" else None
        )
        page.on("pageerror", lambda error: complaints.append(str(error)))
        return page

    yield begin
    for context in contexts:
        context.close()
    assert [line for line in complaints if "status of 422" not in line] == []


def check(page: Page) -> None:
    """A page that everybody can use, and that is nowhere wider than the window."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    assert [(v["id"], v["nodes"][0]["html"]) for v in found] == [], page.url
    width = page.viewport_size["width"] if page.viewport_size else 0
    assert page.evaluate("document.documentElement.scrollWidth") <= width, page.url
    assert page.evaluate(TOO_WIDE) == [], page.url


def start_search(page: Page, table: Path, name: str, **fields: str) -> None:
    """From the empty list to a search that has been started."""
    page.goto("/data")
    page.set_input_files("#file", table)
    page.click("text=Upload")
    page.select_option("#target", "species")
    page.click("text=Go on")
    page.fill("#name", name)
    for field, value in fields.items():
        page.fill(f"#{field}", value)
    page.click("text=See what it will cost")
    page.wait_for_selector("h1:has-text('Before it starts')")
    page.click("text=Start the search")
    page.wait_for_selector(f"h1:has-text('{name}')")


def predictions(page: Page, table: Path) -> list[dict[str, str]]:
    """The rows that the page of a trained model lets one download."""
    page.set_input_files("#file", table)
    with page.expect_download() as coming:
        page.click("text=Download all as CSV")
    return read_csv(Path(coming.value.path()))


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_from_a_table_to_a_report_that_comes_by_itself(open_page: Open, table: Path) -> None:
    page = open_page()
    empty = "<svg xmlns='http://www.w3.org/2000/svg'/>"  # figures take long to be drawn
    page.route(
        "**/figures/*", lambda asked: asked.fulfill(body=empty, content_type="image/svg+xml")
    )
    start_search(page, table, "begun", trials="12", epochs="1")
    page.wait_for_selector("#report")
    check(page)
    assert "settings of trial" in page.inner_text("#report .answer")


@pytest.mark.slow
def test_from_a_table_to_predictions(open_page: Open, serving: Serving, table: Path) -> None:
    page = open_page()
    page.goto("/")
    check(page)
    page.click("text=Upload a table")
    check(page)
    start_search(page, table, "watched", trials="12", epochs="3")
    page.wait_for_selector("#report")  # nobody loads it anew: it moves by itself
    check(page)
    summary = serving.search("watched")["summary"]
    recommended = summary["recommended"]["trial"]
    assert f"settings of trial {recommended}" in page.inner_text("#report .answer")
    images = page.locator("#report img")
    images.first.scroll_into_view_if_needed()
    page.wait_for_function("() => document.querySelector('#report img').naturalWidth > 400")
    with page.expect_download() as coming:
        page.click("text=Trials as >> a >> nth=0")
    rows = read_csv(Path(coming.value.path()))
    assert len(rows) == sum(summary["trials"].values())
    page.click(f"#report table a:text-is('{recommended}') >> nth=0")
    page.wait_for_selector(f"h1:has-text('Trial {recommended}')")
    check(page)
    page.go_back()
    page.fill("#ensemble", "0")
    page.click("text=Train a model")
    assert "whole number" in page.inner_text("#ensemble-wrong")
    page.fill("#ensemble", "2")
    page.click("text=Train a model")
    page.wait_for_selector("#predict")  # it moves by itself, too
    check(page)
    labels = [row["species"] for row in read_csv(table)]
    answers = predictions(page, table)
    assert len(answers) == len(labels)
    right = sum(a["prediction"] == label for a, label in zip(answers, labels, strict=True))
    assert right > 0.8 * len(labels)


@pytest.mark.slow
def test_the_same_with_script_switched_off(open_page: Open, table: Path) -> None:
    page = open_page(script=False)
    start_search(page, table, "read", trials="12", epochs="3")
    page.wait_for_selector("#report")  # the page loads itself anew
    page.click("#report table a >> nth=0")
    assert page.locator("h2:has-text('Its curves')").count()
    page.go_back()
    page.click("text=Train a model")
    page.wait_for_selector("#predict")
    page.set_input_files("#file", table)
    page.click("text=Show the first predictions")
    assert page.locator("[aria-label=Predictions] tbody tr").count() == 20
    assert predictions(page, table)
    page.click("text=Delete this model")
    page.wait_for_selector("h1:has-text('read')")
    page.click("text=Delete it")
    page.click("button:has-text('Delete it')")
    page.wait_for_selector("h1:has-text('Studies')")
    assert not page.locator("a:text-is('read')").count()


@pytest.mark.slow
def test_a_search_is_paused_goes_on_and_is_ended(open_page: Open, table: Path) -> None:
    page = open_page()
    start_search(page, table, "long", trials="900", epochs="300")
    page.wait_for_selector("#latest a")
    page.evaluate("window.same = true")
    before = page.inner_text("#progress")
    page.wait_for_function(
        "before => document.querySelector('#progress').innerText !== before", arg=before
    )
    assert page.evaluate("window.same")  # it has not been loaded anew
    page.click("text=Pause")
    page.wait_for_selector("button:has-text('Go on')")
    page.click("button:has-text('Go on')")
    page.wait_for_selector("#moving[data-state=running]")
    check(page)
    page.click("text=End it for good")
    page.wait_for_selector("#moving[data-state=cancelled]")
    assert not page.locator("button:has-text('Pause')").count()
    page.click("text=Share it")
    page.wait_for_selector("button:has-text('Stop sharing it')")


@pytest.mark.slow
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_every_page_fits_and_can_be_used_by_everybody(
    open_page: Open, serving: Serving, table: Path, width: int, dark: bool
) -> None:
    page = open_page(width=width, dark=dark)
    names = [f"{name} {width} {dark}" for name in ("one", "two")]
    for name in names:
        start_search(page, table, name, trials="8", epochs="2")
    for name in names:
        serving.wait_for(name, "done")
    serving.client.post(f"/searches/{names[0]}/models")
    query = "&".join(f"name={name}" for name in names)
    for path in ("/", "/data", f"/searches/{names[0]}", f"/searches/{names[0]}/trials/0",
                 f"/searches/{names[0]}/delete", f"/compare?{query}", "/sign-in"):  # fmt: skip
        page.goto(path)
        page.wait_for_load_state()
        page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        check(page)
    page.goto("/data")
    page.click("main table a >> nth=0")
    check(page)
    page.select_option("#target", "species")
    page.click("text=Go on")
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    page.fill("#trials", "many")
    page.click("text=See what it will cost")
    page.wait_for_selector("#trials-wrong")
    check(page)
    page.fill("#trials", "9")
    page.click("text=See what it will cost")
    page.wait_for_selector("h1:has-text('Before it starts')")
    check(page)
    page.goto(f"/searches/{names[0]}#models")
    page.click("[aria-label=Models] a")
    page.wait_for_selector("#predict")
    check(page)


@pytest.mark.slow
def test_the_keyboard_reaches_everything_in_order(open_page: Open, table: Path) -> None:
    page = open_page()
    page.goto("/data")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "file"
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    page.set_input_files("#file", table)
    page.click("text=Upload")
    page.select_option("#target", "species")
    page.click("text=Go on")
    reached = set()
    for _ in range(60):  # no field holds the focus, and none is left out
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate("document.activeElement.id || document.activeElement.textContent")
        )
    assert {"name", "trials", "epochs", "metric", "preset"} <= reached
    assert any(re.match("See what it will cost", text or "") for text in reached)
