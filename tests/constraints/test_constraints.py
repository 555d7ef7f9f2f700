"""Every mixture keeps the constraints, the nearest one is nearest, and conflicts are named with their size."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from scipy import optimize

from regmix.constraints.build import by_tokens, region
from regmix.constraints.region import Region
from regmix.constraints.settings import Constraints
from regmix.core.errors import InputError
from regmix.core.schedule import Schedule
from regmix.mixture.search import Search, optimum
from regmix.sampling import draws
from regmix.sampling.rules import Rules

PRIOR = {"web": 0.5, "books": 0.2, "code": 0.15, "math": 0.1, "law": 0.05}
EACH: dict[str, dict[str, Any]] = {
    "floors": {"floors": {"law": 0.1, "math": 0.2}},
    "ceilings": {"ceilings": {"web": 0.3, "books": 0.4}},
    "fixed": {"fixed": {"code": 0.25}},
    "groups": {"groups": {"stem": {"domains": ["code", "math"], "at_least": 0.4, "at_most": 0.6}}},
    "an exact group": {"groups": {"stem": {"domains": ["code", "math"], "at_least": 0.5, "at_most": 0.5}}},
    "ratios": {"ratios": [{"of": "code", "to": "math", "at_least": 0.5, "at_most": 2.0}]},
    "an exact ratio": {"ratios": [{"of": "code", "to": "math", "at_least": 2.0, "at_most": 2.0}]},
    "max_kl": {"max_kl": 0.2},
    "all": {
        "floors": {"law": 0.02}, "ceilings": {"web": 0.6}, "fixed": {"books": 0.1}, "max_kl": 0.5,
        "groups": {"stem": {"domains": ["code", "math"], "at_least": 0.3, "at_most": 1.0}},
        "ratios": [{"of": "code", "to": "math", "at_least": 1.0, "at_most": None}],
    },
}  # fmt: skip
cases = pytest.mark.parametrize("constraints", EACH.values(), ids=EACH)


def build(constraints: dict[str, Any], epochs: dict[str, float] | None = None) -> Region:
    return region(Constraints.model_validate(constraints), PRIOR, epochs or {}, "constraints")


def keeps(constraints: dict[str, Any], mixtures: np.ndarray, slack: float = 1e-6) -> bool:
    """Whether ``mixtures`` (M, K) keep what the settings say, said another way."""
    w = dict(zip(PRIOR, mixtures.T, strict=True))
    pairs = [(value, w[name]) for name, value in constraints.get("floors", {}).items()]
    pairs += [(w[name], value) for name, value in constraints.get("ceilings", {}).items()]
    for name, value in constraints.get("fixed", {}).items():
        pairs += [(value, w[name]), (w[name], value)]
    for group in constraints.get("groups", {}).values():
        total = sum(w[name] for name in group["domains"])
        pairs += [(group["at_least"], total), (total, group["at_most"])]
    for ratio in constraints.get("ratios", []):
        pairs.append((ratio["at_least"] * w[ratio["to"]], w[ratio["of"]]))
        if ratio["at_most"] is not None:
            pairs.append((w[ratio["of"]], ratio["at_most"] * w[ratio["to"]]))
    if "max_kl" in constraints:
        logs = np.log(np.maximum(mixtures, 1e-300) / list(PRIOR.values()))
        pairs.append(((mixtures * logs).sum(axis=1), constraints["max_kl"]))
    simplex = np.allclose(mixtures.sum(axis=1), 1) and mixtures.min() >= 0
    return simplex and all(np.all(less <= more + slack) for less, more in pairs)


@cases
def test_draws_candidates_and_neighbours_keep_every_constraint_and_vary(constraints):
    rules = Rules.within(build(constraints))
    drawn = np.stack([draws.draw(rules, draws.RANDOM, i) for i in range(200)])
    block = draws.candidate_block(rules, 0, 0, 0)[:500]
    near = draws.near(rules, drawn[:20], 0, 1, count=500)
    for mixtures in (drawn, block, near):
        assert keeps(constraints, mixtures)
        assert rules.region.holds(mixtures).all()
        assert len(np.unique(mixtures.round(6), axis=0)) > 0.5 * len(mixtures)


@cases
def test_a_search_ends_within_them_at_the_constrained_optimum(constraints):
    rules = Rules.within(build(constraints))
    best = np.array([0.05, 0.05, 0.1, 0.0, 0.8])

    class Bowl:
        def score(self, mixtures, risk):
            return ((mixtures - best) ** 2).sum(axis=1)

    point = optimum(Bowl(), rules, Search(candidates=4000, top_k=5), 0, rules.natural[None])
    assert keeps(constraints, point[None])
    if "max_kl" not in constraints:
        assert np.abs(point - rules.nearest(best)).max() < 0.03


@cases
def test_the_nearest_mixture_is_the_nearest(constraints):
    if "max_kl" in constraints:
        constraints = {key: value for key, value in constraints.items() if key != "max_kl"}
    within = build(constraints)
    for point in np.random.default_rng(0).dirichlet(np.full(5, 0.4), 5):
        nearest = within.nearest(point)
        sums = [optimize.LinearConstraint(np.ones((1, 5)), 1, 1)]
        if len(within.rows):
            sums.append(optimize.LinearConstraint(within.rows, within.lower, within.upper))
        other = optimize.minimize(
            lambda w, p=point: ((w - p) ** 2).sum(), within.centre, method="SLSQP", constraints=sums,
            bounds=optimize.Bounds(within.low, within.high), tol=1e-14,
        )  # fmt: skip
        np.testing.assert_allclose(nearest, other.x, atol=1e-5)
    inside = within.nearest(np.random.default_rng(1).dirichlet(np.full(5, 0.4), 20))
    assert np.array_equal(within.nearest(within.centre), within.centre)
    np.testing.assert_allclose(within.nearest(inside), inside, atol=1e-9)


def test_a_fixed_weight_is_exact_and_floors_keep_the_draws_inside():
    rules = Rules.within(build({"fixed": {"code": 0.25}, "floors": {"web": 0.3}}))
    drawn = np.stack([draws.draw(rules, draws.RANDOM, i) for i in range(50)])
    assert np.all(drawn[:, 2] == 0.25)
    assert (drawn[:, 0] > 0.3 + 1e-6).mean() > 0.7  # not moved onto the floor


def test_a_bound_on_distance_holds_with_equality_for_what_was_too_far():
    near = build({"max_kl": 0.2})
    corner = near.nearest(np.eye(5))
    np.testing.assert_allclose(near.distance(corner), 0.2, atol=1e-9)
    assert np.all(corner.argmax(axis=1)[:2] == [0, 1])


def test_a_schedule_counts_tokens_over_the_whole_and_can_always_continue():
    within = build({"floors": {"web": 0.2}}, {"law": 0.1})
    schedule, knots = Schedule.static(within.domains, within.nearest(within.prior)), [0.0, 0.5, 0.8, 1.0]
    for start, end in pairwise(knots[1:]):
        part = within.during(schedule.used(start), end - start, 1 - end)
        greedy = part.nearest(np.array([0.2, 0, 0, 0, 0.8]))  # as much law as the rest of training can spare
        assert part.broken(greedy) is None
        schedule = schedule.switched(start, greedy)
    assert within.broken_by(schedule) is None
    assert schedule.used()[4] == pytest.approx(0.1)
    assert schedule.mixtures[1][4] > 0.2
    overspent = schedule.switched(0.9, np.array([0.2, 0, 0, 0, 0.8]))
    assert within.broken_by(overspent) == "law has weight 0.175, above its largest of 0.1"
    none = schedule.switched(0.9, np.array([0, 1.0, 0, 0, 0]))
    assert within.broken_by(none) == "web has weight 0, below its floor of 0.2"


def test_tokens_give_the_prior_and_the_largest_weights():
    tokens = {"web": 900, "code": 100}
    constraints = Constraints(available_tokens={"web": 10**12, "code": 10**11}, for_tokens=10**12, max_epochs=2)
    within = by_tokens(constraints, tokens, 50)
    np.testing.assert_allclose(within.prior, [10 / 11, 1 / 11])
    np.testing.assert_allclose(within.high, [1, 0.2])
    assert by_tokens(Constraints(), tokens, 500).high.tolist() == [1.0, 0.8]


@cases
def test_a_region_reads_back_to_the_bit(constraints):
    rules = Rules.within(build(constraints), kl_reg=0.1)
    again = Rules.from_json(rules.to_json())
    assert again.to_json() == rules.to_json()
    assert np.array_equal(draws.draw(again, 0, 1), draws.draw(rules, 0, 1))


def test_the_distance_a_search_pays_for_draws_it_to_the_prior():
    class Slope:
        def score(self, mixtures, risk):
            return -mixtures[:, 4]

    ends = []
    for price in (0.0, 0.5, 5.0):
        rules = Rules.within(build({}), kl_reg=price)
        ends.append(optimum(Slope(), rules, Search(candidates=4000, top_k=5), 0, rules.natural[None])[4])
    assert ends[0] > 0.9 > ends[1] > ends[2]
    exact = np.array(list(PRIOR.values())) * np.exp(np.array([0, 0, 0, 0, 1]) / 0.5)
    assert ends[1] == pytest.approx(exact[4] / exact.sum(), abs=0.05)


CONFLICTS = {
    "floors": (
        {"floors": {"web": 0.6, "code": 0.3, "math": 0.2}},
        r"no mixture satisfies floors.web = 0.6, floors.code = 0.3 and floors.math = 0.2; each must give way by "
        r"0.0333, or floors.web alone by 0.1",
    ),
    "the guilty ones alone": (
        {"floors": {"law": 0.1, "code": 0.5}, "groups": {"stem": {"domains": ["code", "math"], "at_most": 0.4}}},
        r"no mixture satisfies floors.code = 0.5 and groups.stem.at_most = 0.4; each must give way by 0.05",
    ),
    "a ratio": (
        {"floors": {"math": 0.4}, "ratios": [{"of": "code", "to": "math", "at_least": 2.0}]},
        r"floors.math = 0.4 and ratios.0.at_least = 2 \(code to math\)",
    ),
    "tokens": ({"floors": {"law": 0.4}}, r"floors.law = 0.4 and the largest weight of law by its tokens or bound, 0.3"),
    "one": ({"fixed": {"web": 0.5, "books": 0.2, "code": 0.1, "math": 0.1, "law": 0.1}}, "only one mixture keeps"),
    "the distance": (
        {"floors": {"law": 0.25}, "max_kl": 0.1},
        r"max_kl = 0.1: .* is \d.\d+ nats from it; raise max_kl above that, or loosen what the prior breaks \(law has",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("constraints", "message"), CONFLICTS.values(), ids=CONFLICTS)
def test_constraints_in_conflict_are_named_with_their_size(constraints, message):
    with pytest.raises(InputError, match=message):
        build(constraints, {"law": 0.3})


WRONG = {
    "fixed twice": ({"fixed": {"web": 0.1}, "floors": {"web": 0.1}}, r"fixed.web = 0.1: floors has web too"),
    "crossed": ({"floors": {"web": 0.4}, "ceilings": {"web": 0.3}}, r"floors.web = 0.4: above ceilings.web \(0.3\)"),
    "crossed group": (
        {"groups": {"g": {"domains": ["web"], "at_least": 0.5, "at_most": 0.4}}},
        "at_least = 0.5: above",
    ),
    "itself": ({"ratios": [{"of": "web", "to": "web"}]}, "a domain has no ratio to itself"),
    "a percentage": ({"floors": {"web": 40}}, "less than or equal to 1"),
    "a typo": ({"floor": {"web": 0.4}}, "Extra inputs"),
}


@pytest.mark.parametrize(("settings", "message"), WRONG.values(), ids=WRONG)
def test_settings_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(ValidationError, match=message):
        Constraints.model_validate(settings)


def test_names_of_domains_are_checked_all_at_once():
    constraints = Constraints.model_validate(
        {"floors": {"wbe": 0.1}, "groups": {"g": {"domains": ["web", "x"]}}, "available_tokens": {"web": 5},
         "ratios": [{"of": "y", "to": "web"}]}
    )  # fmt: skip
    lines = list(constraints.of_domains(["web", "books"]))
    assert [line.split(":")[0] for line in lines] == [
        "constraints.floors", "constraints.groups.g.domains", "constraints.ratios.0", "constraints.available_tokens"
    ]  # fmt: skip


def test_a_plain_region_is_that_of_the_largest_weights_alone():
    plain = build({}, {"law": 0.02})
    assert plain.bounded_above
    assert not replace(plain, low=np.full(5, 0.01)).bounded_above
