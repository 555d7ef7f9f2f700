"""A browser: Chromium or Chrome from the system, driven by playwright. `make test-browser` installs the latter."""

import contextlib
import shutil

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def browser():
    driver = pytest.importorskip("playwright.sync_api", reason="no playwright; make test-browser installs it")
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip(f"none of {', '.join(NAMES)} is installed")
    with driver.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def opened(browser):
    """Opens an address at a width; what the page logs, throws, asks for elsewhere or does not fit fails the test."""

    @contextlib.contextmanager
    def opened(address, width):
        page = browser.new_page(viewport={"width": width, "height": 900})
        faults = []
        page.on("console", lambda message: faults.append(message.text))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda sent: faults.append(sent.url) if sent.url.split("#")[0] != address else None)
        page.goto(address)
        yield page
        assert not faults
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        page.close()

    return opened
