"""The report page in a real browser: scripts blocked, zoomed, by keyboard, in the dark, on a phone."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from made_run import made_run
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Request, expect, sync_playwright

from reports.html.page import render
from reports.html.palette import DARK, LIGHT

pytestmark = pytest.mark.real

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
]
FAILED = "#trial-2"


@dataclass
class Watched:
    """An open page, and whatever it complained of or asked for."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def listen(self) -> None:
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", self._request)

    def _console(self, message: ConsoleMessage) -> None:
        self.complaints.append(message.text)

    def _request(self, request: Request) -> None:
        self.asked.append(request.url)

    @property
    def timeline(self) -> Locator:
        return self.page.locator(f"{FAILED} svg.stack")

    def shown(self) -> tuple[float, float]:
        """Start and end of what the timeline shows, in its units."""
        box = self.page.locator(f"{FAILED} svg.plot").first.get_attribute("viewBox") or ""
        start, _, width, _ = (float(part) for part in box.split())
        return start, start + width


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert path, "this test needs Chromium: apt-get install chromium"
    expect.set_options(timeout=30_000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    path: Path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(render(made_run()), "utf-8")
    return path.as_uri()


@pytest.fixture
def opened(browser: Browser, address: str) -> Iterator[Watched]:
    page = browser.new_page(viewport={"width": 1180, "height": 900}, color_scheme="light")
    watched = Watched(page)
    watched.listen()
    page.goto(address)
    yield watched
    page.close()
    assert watched.complaints == []
    assert [url for url in watched.asked if not url.startswith(("file:", "data:"))] == []


def test_page_opens_without_a_complaint(opened: Watched) -> None:
    expect(opened.page).to_have_title("✖ FAIL · reference.toml")
    expect(opened.page.locator("svg.stack")).to_have_count(3)


def test_overview_leads_to_each_trial(opened: Watched) -> None:
    opened.page.get_by_role("link", name="db-refused").click()
    expect(opened.page.get_by_role("heading", name="FAIL db-refused")).to_be_in_viewport()


def test_charts_are_there_with_scripts_blocked(browser: Browser, address: str) -> None:
    context = browser.new_context(java_script_enabled=False, viewport={"width": 1180, "height": 900})
    page = context.new_page()
    page.goto(address)
    plots = page.locator(f"{FAILED} svg.plot")
    expect(plots).to_have_count(9)
    box = plots.first.bounding_box()
    assert box is not None
    assert box["width"] > 800
    expect(page.locator(f"{FAILED} .hint")).to_be_hidden()  # what does not work is not offered
    context.close()


def drag(watched: Watched, start: float, end: float, *, shift: bool = False) -> None:
    """Across the timeline, from and to a share of its width."""
    watched.timeline.scroll_into_view_if_needed()
    box = watched.timeline.bounding_box()
    assert box is not None
    y = max(box["y"], 0) + 200
    if shift:
        watched.page.keyboard.down("Shift")
    watched.page.mouse.move(box["x"] + box["width"] * start, y)
    watched.page.mouse.down()
    watched.page.mouse.move(box["x"] + box["width"] * end, y, steps=4)
    watched.page.mouse.up()
    if shift:
        watched.page.keyboard.up("Shift")


def test_drag_zooms_shift_drag_pans_and_double_click_shows_all(opened: Watched) -> None:
    whole = opened.shown()
    drag(opened, 0.4, 0.6)
    zoomed = opened.shown()
    assert zoomed[1] - zoomed[0] == pytest.approx((whole[1] - whole[0]) * 0.2 * 1060 / 950, rel=0.02)
    expect(opened.page.locator(f"{FAILED} .flag text", has_text="warmup")).to_be_hidden()  # it is over by then
    expect(opened.page.locator(f"{FAILED} .flag text", has_text="fault")).to_be_visible()
    drag(opened, 0.6, 0.5, shift=True)
    panned = opened.shown()
    assert panned[0] > zoomed[0]
    assert panned[1] - panned[0] == pytest.approx(zoomed[1] - zoomed[0])
    opened.timeline.dblclick(position={"x": 500, "y": 200})
    assert opened.shown() == whole


def test_wheel_zooms_with_ctrl_only(opened: Watched) -> None:
    opened.timeline.scroll_into_view_if_needed()
    box = opened.timeline.bounding_box()
    assert box is not None
    whole = opened.shown()
    opened.page.mouse.move(box["x"] + 500, max(box["y"], 0) + 150)
    before = opened.page.evaluate("scrollY")
    opened.page.mouse.wheel(0, -120)
    opened.page.wait_for_function("before => scrollY !== before", arg=before)  # it scrolls the page
    assert opened.shown() == whole
    opened.page.keyboard.down("Control")
    opened.page.mouse.wheel(0, -200)
    opened.page.wait_for_function(
        f"document.querySelector('{FAILED} svg.plot').getAttribute('viewBox') !== '0 0 3300 220'"
    )
    opened.page.keyboard.up("Control")
    start, end = opened.shown()
    assert end - start < whole[1] - whole[0]


def test_keyboard_moves_the_cross_hair_and_is_heard(opened: Watched) -> None:
    whole = opened.shown()
    opened.timeline.focus()
    opened.page.keyboard.press("ArrowRight")
    readout = opened.page.locator(f"{FAILED} .readout")
    expect(readout).to_have_attribute("aria-live", "polite")
    expect(readout).to_contain_text("postgres.refuse")
    expect(readout).to_contain_text("readiness not ok (status 503)")
    first = readout.text_content()
    opened.page.keyboard.press("ArrowLeft")
    expect(readout).not_to_have_text(first or "")
    opened.page.keyboard.press("+")
    start, end = opened.shown()
    assert end - start == pytest.approx((whole[1] - whole[0]) / 2)
    opened.page.keyboard.press("Shift+ArrowRight")
    assert opened.shown()[0] > start
    opened.page.keyboard.press("0")
    assert opened.shown() == whole


def test_pointer_shows_what_the_moment_held(opened: Watched) -> None:
    opened.timeline.hover(position={"x": 500, "y": 150})
    tip = opened.page.locator("#tip")
    expect(tip).to_be_visible()
    expect(tip).to_contain_text("wrong answer")
    opened.page.mouse.move(2, 2)
    expect(tip).to_be_hidden()


@pytest.mark.parametrize(("scheme", "palette"), [("light", LIGHT), ("dark", DARK)])
def test_page_follows_light_and_dark(browser: Browser, address: str, scheme: str, palette: dict[str, str]) -> None:
    page = browser.new_page(color_scheme="dark" if scheme == "dark" else "light")
    page.goto(address)
    back = page.evaluate("getComputedStyle(document.body).backgroundColor")
    red, green, blue = (int(palette["bg"][i : i + 2], 16) for i in (1, 3, 5))
    assert back == f"rgb({red}, {green}, {blue})"
    page.close()


def test_phone_scrolls_the_picture_and_not_the_page(browser: Browser, address: str) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.goto(address)
    for summary in page.locator("details > summary").all():
        summary.evaluate("node => { node.parentElement.open = true }")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    picture = page.locator(f"{FAILED} .picture")
    assert picture.evaluate("node => node.scrollWidth > node.clientWidth")
    page.close()
