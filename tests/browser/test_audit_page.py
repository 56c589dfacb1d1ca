"""The audit's page in a real browser: it opens without a complaint in light and dark, and its rows can be reached."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from made_audit import FACTS, ROWS
from playwright.sync_api import Browser, Page, expect, sync_playwright

from reports.audit.page import audit_page
from reports.html.palette import DARK, LIGHT

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert path, "this test needs Chromium: apt-get install chromium"
    expect.set_options(timeout=30_000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    path: Path = tmp_path_factory.mktemp("audit") / "report.html"
    path.write_text(audit_page("runs/x", FACTS, ROWS, "fail"), "utf-8")
    return path.as_uri()


@pytest.fixture(params=["light", "dark"])
def opened(request: pytest.FixtureRequest, browser: Browser, address: str) -> Iterator[tuple[Page, Mapping[str, str]]]:
    dark = request.param == "dark"
    page = browser.new_page(viewport={"width": 390, "height": 844}, color_scheme="dark" if dark else "light")
    complaints: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda each: asked.append(each.url))
    page.goto(address)
    yield page, DARK if dark else LIGHT
    page.close()
    assert complaints == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


def test_it_follows_light_and_dark_and_fits_a_phone(opened: tuple[Page, Mapping[str, str]]) -> None:
    page, palette = opened
    expect(page).to_have_title("✖ fail · audit of app:app")
    red, green, blue = (int(palette["bg"][i : i + 2], 16) for i in (1, 3, 5))
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == f"rgb({red}, {green}, {blue})"
    for summary in page.locator("details > summary").all():
        summary.evaluate("node => { node.parentElement.open = true }")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_each_row_is_reached_by_its_link(opened: tuple[Page, Mapping[str, str]]) -> None:
    page, _ = opened
    for row in ROWS:
        page.locator(f'nav a[href="#row-{row.row}"]').click()
        expect(page.locator(f"#row-{row.row}-name")).to_be_in_viewport()


def test_evidence_opens(opened: tuple[Page, Mapping[str, str]]) -> None:
    page, _ = opened
    evidence = page.locator("#row-logging details")
    evidence.locator("summary").click()
    expect(evidence).to_contain_text("<img src=x onerror=alert(1)>")
