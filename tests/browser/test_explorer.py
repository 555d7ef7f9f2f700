"""The explorer in a browser: it moves, it adds up, it says what it must, and it stays on its own."""

import json

import numpy as np
import pytest

from regmix.exchange.blend import Blend, Phase
from regmix.exchange.write import export
from regmix.explorer.contents import contents
from regmix.explorer.widget import widget
from reports.page import render
from reports.page.section import Section, Widget
from tests.browser import small

WIDTHS = (1300, 1024, 390)


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    page = tmp_path_factory.mktemp("explorer") / "page.html"
    html = widget(contents(small.question(), small.runs(), small.fronts()))
    page.write_text(render.page([Section("Explore", (Widget(html, ""),))], {}, "A page"), encoding="utf-8")
    return page.as_uri()


@pytest.fixture(params=WIDTHS)
def page(opened, address, request):
    with opened(address, request.param) as page:
        yield page


def weights(page):
    return [float(page.get_by_label(f"Weight of {name}, as a number").input_value()) for name in small.DOMAINS]


def predicted(page):
    return page.locator(".x-losses tbody tr").all_inner_texts()


def load(page, title):
    page.get_by_role("button", name=title, exact=True).click()


def test_a_slider_moves_the_others_and_the_predictions_by_mouse_and_by_key(page):
    before, shown = weights(page), predicted(page)
    assert sum(before) == pytest.approx(1, abs=2e-3)
    slider = page.get_by_role("slider", name="Weight of news", exact=True)
    slider.fill("0.5")
    after = weights(page)
    assert after[0] == 0.5
    assert sum(after) == pytest.approx(1, abs=2e-3)
    assert after[1] / after[2] == pytest.approx(before[1] / before[2], rel=0.02)
    moved = predicted(page)
    assert all(old != new for old, new in zip(shown, moved, strict=True))
    slider.focus()
    page.keyboard.press("ArrowRight")
    assert weights(page)[0] == 0.505
    assert predicted(page) != moved


def test_a_locked_weight_stays_and_the_last_free_one_cannot_move(page):
    load(page, "natural")
    page.get_by_title("Keep the weight of law").click()
    page.get_by_role("slider", name="Weight of news", exact=True).fill("1")
    assert weights(page) == [0.7, 0.3, 0.0, 0.0]
    for name in small.DOMAINS[2:]:
        page.get_by_title(f"Keep the weight of {name}").click()
    assert page.get_by_role("slider", name="Weight of news", exact=True).is_disabled()


def test_each_lock_has_a_name_of_its_own(page):
    for name in small.DOMAINS:
        assert page.get_by_role("checkbox", name=f"Keep the weight of {name}", exact=True).count() == 1


def test_a_bar_that_leaves_its_scale_ends_in_an_arrow(page):
    page.get_by_label("one domain").select_option("law")
    assert page.locator(".x-cut").count()
    for table in page.locator(".x-losses").all():
        span = float(table.locator("thead th").nth(1).inner_text().split("+")[1])
        for row in table.locator("tbody tr").all():
            far = abs(float(row.locator("td").last.inner_text().replace("−", "-")))
            if abs(far - span) > 0.06:  # the head shows one digit of the span
                assert row.locator(".x-cut").count() == (far > span)


def test_the_address_holds_the_mixture(page, address):
    page.get_by_role("slider", name="Weight of news", exact=True).fill("0.3")
    held, link = weights(page), page.url
    assert "#mixture=news:0.3" in link
    load(page, "natural")
    page.goto(link)
    assert weights(page) == pytest.approx(held, abs=2e-3)
    page.goto(f"{address}#mixture=news:3,{'deutsch%20%26%20mehr'}:1,unknown:x")
    assert weights(page) == [0.75, 0, 0, 0.25]


def test_it_says_when_a_mixture_is_far_from_all_runs(page):
    status = page.locator("[data-part=status]")
    load(page, "uniform")
    assert "Within what the runs cover" in status.inner_text()
    page.goto(page.url.split("#")[0] + "#mixture=news:.34,law:.33,code:.33")
    found = min(np.abs(small.runs().mixtures - [0.34, 0.33, 0.33, 0]).sum(axis=1))
    assert f"{found:.2f} away" in status.inner_text()
    assert ("Extrapolates" in status.inner_text()) == (found > 0.3)


def test_constraints_are_kept_bind_or_are_broken(page):
    constraints = page.locator("[data-part=constraints] li")
    page.get_by_label("one domain").select_option("law")
    shown = " ".join(constraints.all_inner_texts())
    for text in ("broken law at least 0.02, at most 0.80", "broken technical = 1.00, at least 0.10, at most 0.90",
                 "broken code / law = 0.00, at least 0.50", "kept news at most 0.70"):  # fmt: skip
        assert text in shown
    page.goto(page.url.split("#")[0] + "#mixture=news:.7,law:.02,code:.2,deutsch%20%26%20mehr:.08")
    shown = " ".join(constraints.all_inner_texts())
    assert "binds news at most 0.70" in shown
    assert "binds law at least 0.02, at most 0.80" in shown
    assert "broken" not in shown.replace("broken guarded", "")
    assert "guarded: law" in shown


def test_a_search_lowers_what_it_looks_for_and_keeps_the_constraints(page):
    load(page, "natural")
    page.get_by_label("Lower the objective").select_option("code")
    row = page.locator("[data-part=objectives] tr", has_text="code").first
    before = float(row.locator("td").nth(1).inner_text().split()[0])
    page.get_by_role("button", name="Search from here").click()
    page.wait_for_function("!document.querySelector('[data-part=search]').disabled")
    assert float(row.locator("td").nth(1).inner_text().split()[0]) < before - 0.1
    assert "broken" not in page.locator("[data-part=constraints]").inner_text().replace("broken guarded", "")


def test_an_objective_of_ones_own_is_predicted_and_can_be_searched_for(page):
    page.get_by_text("An objective of your own").click()
    page.locator("[data-part=own] input[name=law]").fill("2")
    rows = [row for row in predicted(page) if row.startswith("your own")]
    law = [row for row in predicted(page) if row.startswith("law")]
    assert rows[0].split()[2:] == law[0].split()[1:]
    page.get_by_label("Lower the objective").select_option("your own")
    page.get_by_label("Objective to start from").select_option("mean")
    assert page.locator("[data-part=own] input[name=news]").input_value() == "0.667"


def test_points_of_a_front_and_runs_can_be_loaded_by_key_and_by_mouse(page):
    page.get_by_role("button", name="Load: Point 1 of 3").focus()
    page.keyboard.press("Enter")
    assert weights(page) == [0.1, 0.1, 0.7, 0.1]
    page.locator("[data-part=nearest] tbody button").first.click()
    assert page.locator("[data-part=nearest] tbody tr").nth(1).locator("td").nth(1).inner_text() == "0.00"


def test_the_text_is_what_the_library_exports(page):
    load(page, "natural")
    text, choice = page.locator("[data-part=text]"), page.get_by_label("format")
    natural = dict(zip(small.DOMAINS, (0.4, 0.3, 0.2, 0.1), strict=True))
    assert json.loads(text.inner_text()) == natural
    forms = choice.locator("option").all_inner_texts()[1:]
    assert {"nemo", "torchtitan"} <= set(forms)
    for form in forms:
        choice.select_option(form)
        (content,) = (part for name, part in export(Blend((Phase(natural),)), form).items() if "about" not in name)
        lines = [line for line in content.splitlines() if not line.startswith("#")]
        shown = [line for line in text.inner_text().splitlines() if not line.startswith("#")]
        assert shown == lines
