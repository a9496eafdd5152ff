"""A real browser: the chromium of the system, driven by Playwright."""

from __future__ import annotations

import os
import shutil

import pytest
from browser_world import page

from cluster_sd.report.page import render

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="session")
def chromium():
    """A browser; its absence is a failure where the checks before a change run (CI=true)."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        reason = f"no browser: none of {', '.join(NAMES)} is installed"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


class Visit:
    """An open page, and all that should not have happened on it."""

    def __init__(self, browser, path, width=1280, **settings):
        self.context = browser.new_context(viewport={"width": width, "height": 900}, **settings)
        self.page = self.context.new_page()
        self.amiss: list[str] = []
        self.page.on("console", lambda message: self.amiss.append(f"console: {message.text}"))
        self.page.on("pageerror", lambda error: self.amiss.append(f"error: {error}"))
        self.page.on("dialog", lambda dialog: (self.amiss.append("a script of a text has run"), dialog.dismiss()))
        self.page.on("request", self._request)
        self.page.goto(path.as_uri())

    def _request(self, request):
        if not request.url.startswith(("file:", "data:", "blob:")):
            self.amiss.append(f"request: {request.url}")

    def ready(self):
        """Wait until the charts can be drawn."""
        self.page.wait_for_selector("html.ready", state="attached")
        return self

    def through(self):
        """Scroll through the whole page, as a reader would, until every chart is drawn."""
        height, at = self.page.evaluate("document.documentElement.scrollHeight"), 0
        while at < height:
            self.page.evaluate(f"scrollTo(0, {at})")
            self.page.wait_for_timeout(40)
            at += 1000
        from playwright.sync_api import expect

        expect(self.page.locator("figure.chart:not(.drawn) .plot >> visible=true")).to_have_count(0)
        return self

    def choose(self, language):
        """Take the switch to a language."""
        self.page.locator(f"label[for=language-{language}] >> visible=true").click()
        return self


@pytest.fixture
def visit(chromium):
    """Open a page; at the end nothing may be amiss."""
    opened: list[Visit] = []

    def open_page(path, width=1280, **settings):
        opened.append(Visit(chromium, path, width, **settings))
        return opened[-1]

    yield open_page
    for one in opened:
        one.context.close()
    assert [text for one in opened for text in one.amiss] == []


@pytest.fixture(scope="session")
def open_desk(chromium, path):
    """A page that stays open for all tests, since a browser takes a second for each."""
    visit = Visit(chromium, path, accept_downloads=True).ready()
    yield visit
    visit.context.close()


@pytest.fixture
def desk(open_desk):
    """The English page on a desk: a test that chooses something says first what it starts from."""
    open_desk.page.mouse.move(0, 0)
    yield open_desk.page
    assert open_desk.amiss == []


@pytest.fixture(scope="session")
def path(tmp_path_factory):
    """The page with every kind of chart."""
    made = tmp_path_factory.mktemp("page") / "index.html"
    made.write_text(render(page("en"), page("zh")), encoding="utf-8")
    return made
