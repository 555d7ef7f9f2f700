"""Pages in a browser: tables sort, links open what is folded, and nothing is asked for, logged or too wide."""

import pandas as pd
import pytest

from regmix.cli.main import app
from reports.page import render
from reports.page.section import Fold, Section, Table
from tests.paths import ROOT

WIDTHS = (1300, 1024, 390)
MOST = 2_000_000  # bytes of a page
PAGES = ("report", "published", "ablations", "audits")


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    shown = pd.DataFrame({"Domain": ["news", "law", "code"], "Loss": ["−0.5", "–", "10.1"]})
    table = Table("losses", "Losses.", shown, shown)
    sections = [Section("First", ("Some words. " * 2000,)), Section("Second", (Fold("Folded", (table,)),))]
    page = tmp_path_factory.mktemp("page") / "page.html"
    page.write_text(render.page(sections, {}, "A page"), encoding="utf-8")
    return page.as_uri()


def column(page, number):
    return page.locator(f"#table-losses tbody td:nth-child({number})").all_inner_texts()


@pytest.mark.parametrize("width", WIDTHS)
def test_a_link_opens_what_is_folded_and_a_click_sorts(opened, address, width):
    with opened(address, width) as page:
        page.evaluate("location.hash = '#table-losses'")
        page.get_by_role("button", name="Loss").wait_for()  # it is visible
        page.get_by_role("button", name="Loss").click()
        assert column(page, 2) == ["−0.5", "10.1", "–"]
        page.get_by_role("button", name="Loss").click()
        assert column(page, 2) == ["10.1", "−0.5", "–"]
        page.get_by_role("button", name="Domain").click()
        assert column(page, 1) == ["code", "law", "news"]
        page.evaluate("location.hash = '#50%'")  # no name of a part, and no error


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", PAGES)
def test_a_finished_page_is_whole_in_one_small_file(opened, name, width):
    path = ROOT / f"reports/{name}.html"
    if not path.is_file():
        pytest.skip(f"no reports/{name}.html; run the pipeline first")
    assert path.stat().st_size <= MOST
    with opened(path.as_uri(), width) as page:
        assert page.locator("h1").is_visible()
        links = page.locator("nav a")
        assert links.count()
        links.last.click()
        place = links.last.get_attribute("href")
        page.wait_for_timeout(100)
        assert page.evaluate("location.hash") == place
        assert page.evaluate(f"document.querySelector('{place}').getBoundingClientRect().top") < 900


@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_of_a_recommendation_is_whole(opened, tmp_path, width):
    page = tmp_path / "mixture.html"
    tables = (str(ROOT / f"docs/example/{name}.csv") for name in ("ratios", "metrics"))
    app(["recommend", *tables, "--objective", "reviews", "--page", str(page)], standalone_mode=False)
    assert page.stat().st_size <= MOST
    with opened(page.as_uri(), width) as shown:
        assert shown.locator(".decision").first.is_visible()
