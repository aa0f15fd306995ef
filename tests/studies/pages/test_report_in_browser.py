"""The report in a real browser: it fits a phone and a wide screen, in light and dark, and asks for nothing."""

from __future__ import annotations

import base64
from itertools import pairwise
from pathlib import Path

import pytest

from studies import Study
from tests.browser import Browser

# What is wider than the window and can't be scrolled by itself.
TOO_WIDE = """
[...document.querySelectorAll("body *")].filter(e => {
  if (e.closest(".scroll, .card, pre, svg")) return false;
  const box = e.getBoundingClientRect();
  return box.width > 0 && (box.right > document.documentElement.clientWidth + 1 || box.left < -1);
}).map(e => e.tagName + " " + e.textContent.slice(0, 40))
"""
# The least contrast of any text with what lies behind it (WCAG 2.2, 1.4.3), and what text that is.
CONTRAST = """
(() => {
  const rgb = text => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = c => { const [r, g, b] = c.slice(0, 3).map(v => v / 255)
      .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  let worst = [99, ""];
  for (const e of document.querySelectorAll("body *")) {
    if (e.closest("svg") || ![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())) continue;
    let behind = e, paint = [0, 0, 0, 0];
    while (behind && (paint = rgb(getComputedStyle(behind).backgroundColor))[3] === 0) behind = behind.parentElement;
    if (!behind) paint = rgb(getComputedStyle(document.documentElement).backgroundColor);
    const [a, b] = [light(rgb(getComputedStyle(e).color)), light(paint)];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < worst[0]) worst = [ratio, e.textContent.slice(0, 60)];
  }
  return worst;
})()
"""


@pytest.fixture(scope="module")
def page(study: Study, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of the report."""
    file = tmp_path_factory.mktemp("page") / "report.html"
    study.write_report(file)
    return file.as_uri()


def show(browser: Browser, page: str, width: int, scheme: str) -> None:
    browser.call(
        "Emulation.setDeviceMetricsOverride",
        width=width, height=800, deviceScaleFactor=1, mobile=width < 500,
    )  # fmt: skip
    feature = {"name": "prefers-color-scheme", "value": scheme}
    browser.call("Emulation.setEmulatedMedia", features=[feature])
    browser.visit(page, "About this study")
    browser.call("Runtime.evaluate", expression="document.querySelector('details').open = true")


def test_it_fits_every_width_and_can_be_read_in_light_and_dark(browser: Browser, page: str) -> None:
    for width in (360, 1400):
        for scheme in ("light", "dark"):
            show(browser, page, width, scheme)
            assert browser.value("document.documentElement.scrollWidth") <= width
            assert browser.value(TOO_WIDE) == []
            ratio, words = browser.value(CONTRAST)
            assert ratio >= 4.5, (width, scheme, words)
    assert browser.complaints == []
    assert set(browser.requests) == {page}


def test_a_screen_reader_finds_its_way(browser: Browser, page: str) -> None:
    show(browser, page, 1400, "light")
    levels = browser.value("[...document.querySelectorAll('h1,h2,h3')].map(h => +h.tagName[1])")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(later <= earlier + 1 for earlier, later in pairwise(levels))
    unnamed = "[...document.querySelectorAll('svg[role=img]')].filter(e => !e.getAttribute('aria-label')).length"
    assert browser.value(unnamed) == 0
    assert browser.value("document.querySelectorAll('svg[role=img]').length") >= 4
    assert browser.value("document.documentElement.lang") == "en"
    without_scope = "[...document.querySelectorAll('th')].filter(e => !e.scope).length"
    assert browser.value(without_scope) == 0


def test_it_prints(browser: Browser, page: str) -> None:
    show(browser, page, 1400, "dark")
    pdf = base64.b64decode(browser.call("Page.printToPDF")["data"])
    assert pdf.startswith(b"%PDF")
    assert (
        pdf.count(b"/Type /Page\n") + pdf.count(b"/Type /Page ") + pdf.count(b"/Type /Page/") >= 2
    )


def test_what_does_not_fit_is_seen(browser: Browser, tmp_path: Path) -> None:
    """Or else the tests above could not fail."""
    wrong = tmp_path / "wrong.html"
    wrong.write_text(
        "<body style='color: #888; background: #999'><p style='width: 2000px'>Where this comes from</p>"
    )
    browser.visit(wrong.as_uri(), "Where")
    assert browser.value(TOO_WIDE) == ["P Where this comes from"]
    assert browser.value(CONTRAST)[0] < 4.5
