"""From settings to the region of mixtures that keeps them, or to what is in conflict. K domains."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping

import numpy as np
from scipy import optimize

from regmix.constraints import conflicts
from regmix.constraints.conflicts import Inequality
from regmix.constraints.epochs import token_shares, weight_bounds
from regmix.constraints.region import Region
from regmix.constraints.settings import Constraints
from regmix.core.errors import InputError


def region(given: Constraints, prior: Mapping[str, float], epochs: Mapping[str, float], key: str) -> Region:
    """The mixtures that keep ``given`` and the largest weights by available tokens, ``epochs``.

    ``prior`` holds positive shares by domain. Raises InputError, naming the constraints in conflict below ``key``, if
    no mixture or only one keeps all.
    """
    domains, shares = tuple(prior), np.array(list(prior.values()))
    ends = np.array([epochs.get(name, 1.0) for name in domains])
    if given.by_tokens_alone:
        return Region.below(domains, ends, shares)
    inequalities = [*_inequalities(given, domains), *_by_tokens(domains, ends)]
    least, found = conflicts.shortfall(inequalities, len(domains))
    if least > conflicts.SMALL:
        _refuse(conflicts.conflict(inequalities, len(domains)), len(domains), key)
    if conflicts.room(inequalities, len(domains)) < 1e-6:
        raise InputError(f"{key}: only one mixture keeps all constraints; nothing is left to choose, so loosen one")
    rows, names = _rows(given, domains), tuple(name for name, _, _, _ in _sums(given))
    low = np.array([given.fixed.get(name, given.floors.get(name, 0.0)) for name in domains])
    made = Region(
        domains=domains,
        low=low,
        ceilings=np.array([given.fixed.get(name, given.ceilings.get(name, 1.0)) for name in domains]),
        epochs=ends,
        names=names,
        rows=rows,
        lower=np.array([lower for _, _, lower, _ in _sums(given)]),
        upper=np.array([upper for _, _, _, upper in _sums(given)]),
        prior=shares,
        max_kl=np.inf,
        centre=found,
    )
    return _near_prior(made, given.max_kl, key)


def around(
    given: Constraints, prior: Mapping[str, float], highest: Mapping[str, float], key: str, tokens: int | None = None
) -> Region:
    """The region around a ``prior`` below the ``highest`` weights, those by the given available tokens too.

    They are for the training given, else one on ``tokens``. Raises InputError.
    """
    length = given.for_tokens or tokens
    if given.available_tokens and length:
        counts = {name: given.available_tokens[name] for name in prior}
        epochs = weight_bounds(counts, given.max_epochs, length, f"{key}.max_epochs")
        highest = {name: min(highest.get(name, 1.0), epochs[name]) for name in prior}
    return region(given, prior, highest, key)


def by_tokens(
    given: Constraints, tokenized: Mapping[str, int], target_tokens: int, key: str = "params.yaml: constraints"
) -> Region:
    """The region, with the prior and the largest weights by the tokens of each domain, ``tokenized`` unless others are
    given, for the training given or one on ``target_tokens``. Raises InputError.
    """
    available = {name: given.available_tokens.get(name, tokens) for name, tokens in tokenized.items()}
    highest = weight_bounds(available, given.max_epochs, given.for_tokens or target_tokens, f"{key}.max_epochs")
    return region(given, token_shares(available), highest, key)


def _near_prior(made: Region, most: float | None, key: str) -> Region:
    """``made`` with the limit on the distance to the prior, and as its centre the mixture nearest to the prior."""
    start = made.nearest(made.prior)
    if most is None:
        return dataclasses.replace(made, centre=start)
    sums = [optimize.LinearConstraint(np.ones((1, len(made.domains))), 1, 1)]
    if len(made.rows):
        sums.append(optimize.LinearConstraint(made.rows, made.lower, made.upper))
    found = optimize.minimize(
        lambda w: float(made.distance(np.maximum(w, 0))), start, method="SLSQP", constraints=sums,
        jac=lambda w: np.log(np.maximum(w, 1e-12) / made.prior) + 1, bounds=optimize.Bounds(made.low, made.high),
    )  # fmt: skip
    centre = min((made.nearest(found.x), start), key=lambda mixture: float(made.distance(mixture)))
    if (least := float(made.distance(centre))) > most + 1e-6:
        raise InputError(
            f"{key}.max_kl = {most:g}: the mixture that keeps the other constraints nearest to the prior is "
            f"{least:.3g} nats from it; raise max_kl above that, or loosen {_tightest(made)}"
        )
    return dataclasses.replace(made, centre=centre, max_kl=max(most, least))


def _tightest(made: Region) -> str:
    """Which constraint the prior breaks."""
    return made.broken(made.prior) or "the others"


Sum = tuple[str, dict[str, float], float, float]  # what the user wrote, domains' factors, lower and upper bound


def _sums(given: Constraints) -> Iterator[Sum]:
    """The bounds on sums of weights: groups, and ratios as ``of - bound * to``."""
    for name, group in given.groups.items():
        yield f"groups.{name}", dict.fromkeys(group.domains, 1.0), group.at_least, group.at_most
    for i, ratio in enumerate(given.ratios):
        if ratio.at_least:
            yield f"ratios.{i}.at_least", {ratio.of: 1.0, ratio.to: -ratio.at_least}, 0.0, 1.0
        if ratio.at_most is not None:
            yield f"ratios.{i}.at_most", {ratio.of: 1.0, ratio.to: -ratio.at_most}, -ratio.at_most, 0.0


def _rows(given: Constraints, domains: tuple[str, ...]) -> np.ndarray:
    rows = [[factors.get(name, 0.0) for name in domains] for _, factors, _, _ in _sums(given)]
    return np.array(rows).reshape(-1, len(domains))


def _inequalities(given: Constraints, domains: tuple[str, ...]) -> Iterator[Inequality]:
    unit = dict(zip(domains, np.eye(len(domains)), strict=True))
    for name, value in given.floors.items():
        yield Inequality(f"floors.{name} = {value:g}", -unit[name], -value)
    for name, value in given.ceilings.items():
        yield Inequality(f"ceilings.{name} = {value:g}", unit[name], value)
    for name, value in given.fixed.items():
        yield Inequality(f"fixed.{name} = {value:g}", unit[name], value)
        yield Inequality(f"fixed.{name} = {value:g}", -unit[name], -value)
    for (name, _, lower, upper), row in zip(_sums(given), _rows(given, domains), strict=True):
        group = name.startswith("groups")
        if group or name.endswith("at_least"):
            yield Inequality(f"{name}.at_least = {lower:g}" if group else _ratio(given, name), -row, -lower)
        if group or name.endswith("at_most"):
            yield Inequality(f"{name}.at_most = {upper:g}" if group else _ratio(given, name), row, upper)


def _ratio(given: Constraints, name: str) -> str:
    _, number, end = name.split(".")
    ratio = given.ratios[int(number)]
    return f"{name} = {getattr(ratio, end):g} ({ratio.of} to {ratio.to})"


def _by_tokens(domains: tuple[str, ...], epochs: np.ndarray) -> Iterator[Inequality]:
    for name, value, unit in zip(domains, epochs, np.eye(len(domains)), strict=True):
        if value < 1:
            yield Inequality(f"the tokens of {name}, which allow at most {value:.3g}", unit, value)


def _refuse(parts: list[Inequality], domains: int, key: str) -> None:
    by, _ = conflicts.shortfall(parts, domains)
    texts = list(dict.fromkeys(entry.text for entry in parts))
    together = f"{', '.join(texts[:-1])} and {texts[-1]}" if len(texts) > 1 else texts[0]
    one = next((entry for entry in parts if not entry.text.startswith("the tokens")), parts[0])
    alone = float(one.side @ _best(one, [entry for entry in parts if entry is not one], domains)) - one.most
    raise InputError(
        f"{key}: no mixture keeps {together}; each must give way by {by:.3g}, or {one.text.split(' = ')[0]} alone by "
        f"{alone:.3g}"
    )


def _best(one: Inequality, others: list[Inequality], domains: int) -> np.ndarray:
    """The mixture (K,) that keeps the ``others`` and breaks ``one`` least."""
    sides = np.array([entry.side for entry in others]).reshape(-1, domains)
    most = np.array([entry.most for entry in others])
    found = optimize.linprog(one.side, A_ub=sides, b_ub=most + conflicts.SMALL, A_eq=np.ones((1, domains)), b_eq=[1.0])
    return np.asarray(found.x)
