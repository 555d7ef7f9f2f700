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


def region(
    settings: Constraints, prior: Mapping[str, float], epochs: Mapping[str, float], key: str, to_choose: bool = True
) -> Region:
    """The mixtures that keep the ``settings`` and the largest weights by available tokens, ``epochs``.

    ``prior`` holds positive shares by domain. Raises InputError, naming the constraints in conflict below ``key``, if
    no mixture satisfies all, or only one does and there is a mixture ``to_choose``.
    """
    domains, shares = tuple(prior), np.array(list(prior.values()))
    ends = np.array([epochs.get(name, 1.0) for name in domains])
    if settings.by_tokens_alone:
        return Region.below(domains, ends, shares)
    inequalities = [*_inequalities(settings, domains), *_by_tokens(domains, ends)]
    least, interior = conflicts.shortfall(inequalities, len(domains))
    if least > conflicts.SMALL:
        _refuse(conflicts.conflict(inequalities, len(domains)), len(domains), key)
    if to_choose and conflicts.room(inequalities, len(domains)) < 1e-6:
        raise InputError(f"{key}: only one mixture keeps all constraints; nothing is left to choose, so loosen one")
    rows, names = _rows(settings, domains), tuple(name for name, _, _, _ in _sums(settings))
    low = np.array([settings.fixed.get(name, settings.floors.get(name, 0.0)) for name in domains])
    linear = Region(
        domains=domains,
        low=low,
        ceilings=np.array([settings.fixed.get(name, settings.ceilings.get(name, 1.0)) for name in domains]),
        epochs=ends,
        names=names,
        rows=rows,
        lower=np.array([lower for _, _, lower, _ in _sums(settings)]),
        upper=np.array([upper for _, _, _, upper in _sums(settings)]),
        prior=shares,
        max_kl=np.inf,
        centre=interior,
    )
    return _near_prior(linear, settings.max_kl, key)


def around(
    settings: Constraints, prior: Mapping[str, float], highest: Mapping[str, float], key: str,
    tokens: int | None = None, to_choose: bool = True,
) -> Region:  # fmt: skip
    """The region around a ``prior`` below the ``highest`` weights, those by the settings' available tokens too.

    They are for the training given, else one on ``tokens``. Raises InputError.
    """
    length = settings.for_tokens or tokens
    if settings.available_tokens and length:
        counts = {name: settings.available_tokens[name] for name in prior}
        epochs = weight_bounds(counts, settings.max_epochs, length, f"{key}.max_epochs")
        highest = {name: min(highest.get(name, 1.0), epochs[name]) for name in prior}
    return region(settings, prior, highest, key, to_choose)


def by_tokens(
    settings: Constraints, tokenized: Mapping[str, int], target_tokens: int, key: str = "params.yaml: constraints"
) -> Region:
    """The region, with the prior and the largest weights by the tokens of each domain, ``tokenized`` unless others are
    given, for the training given or one on ``target_tokens``. Raises InputError.
    """
    available = {name: settings.available_tokens.get(name, tokens) for name, tokens in tokenized.items()}
    highest = weight_bounds(available, settings.max_epochs, settings.for_tokens or target_tokens, f"{key}.max_epochs")
    return region(settings, token_shares(available), highest, key)


def _near_prior(linear: Region, most: float | None, key: str) -> Region:
    """``linear`` with the limit on the distance to the prior, and as its centre the mixture nearest to the prior."""
    start = linear.nearest(linear.prior)
    if most is None:
        return dataclasses.replace(linear, centre=start)
    sums = [optimize.LinearConstraint(np.ones((1, len(linear.domains))), 1, 1)]
    if len(linear.rows):
        sums.append(optimize.LinearConstraint(linear.rows, linear.lower, linear.upper))
    solution = optimize.minimize(
        lambda w: float(linear.distance(np.maximum(w, 0))), start, method="SLSQP", constraints=sums,
        jac=lambda w: np.log(np.maximum(w, 1e-12) / linear.prior) + 1, bounds=optimize.Bounds(linear.low, linear.high),
    )  # fmt: skip
    centre = min((linear.nearest(solution.x), start), key=lambda mixture: float(linear.distance(mixture)))
    if (least := float(linear.distance(centre))) > most + 1e-6:
        raise InputError(
            f"{key}.max_kl = {most:g}: of the mixtures that keep the other constraints the nearest to the prior is "
            f"{least:.3g} nats from it; raise max_kl above that, or loosen what the prior breaks "
            f"({linear.broken(linear.prior)})"
        )
    return dataclasses.replace(linear, centre=centre, max_kl=max(most, least))


Sum = tuple[str, dict[str, float], float, float]  # what the user wrote, domains' factors, lower and upper bound


def _sums(settings: Constraints) -> Iterator[Sum]:
    """The bounds on sums of weights: groups, and ratios as ``of - bound * to``."""
    for name, group in settings.groups.items():
        yield f"groups.{name}", dict.fromkeys(group.domains, 1.0), group.at_least, group.at_most
    for i, ratio in enumerate(settings.ratios):
        if ratio.at_least:
            yield f"ratios.{i}.at_least", {ratio.of: 1.0, ratio.to: -ratio.at_least}, 0.0, 1.0
        if ratio.at_most is not None:
            yield f"ratios.{i}.at_most", {ratio.of: 1.0, ratio.to: -ratio.at_most}, -ratio.at_most, 0.0


def _rows(settings: Constraints, domains: tuple[str, ...]) -> np.ndarray:
    rows = [[factors.get(name, 0.0) for name in domains] for _, factors, _, _ in _sums(settings)]
    return np.array(rows).reshape(-1, len(domains))


def _inequalities(settings: Constraints, domains: tuple[str, ...]) -> Iterator[Inequality]:
    unit = dict(zip(domains, np.eye(len(domains)), strict=True))
    for name, value in settings.floors.items():
        yield Inequality(f"floors.{name} = {value:g}", -unit[name], -value)
    for name, value in settings.ceilings.items():
        yield Inequality(f"ceilings.{name} = {value:g}", unit[name], value)
    for name, value in settings.fixed.items():
        yield Inequality(f"fixed.{name} = {value:g}", unit[name], value)
        yield Inequality(f"fixed.{name} = {value:g}", -unit[name], -value)
    for (name, _, lower, upper), row in zip(_sums(settings), _rows(settings, domains), strict=True):
        group = name.startswith("groups")
        if group or name.endswith("at_least"):
            yield Inequality(f"{name}.at_least = {lower:g}" if group else _ratio(settings, name), -row, -lower)
        if group or name.endswith("at_most"):
            yield Inequality(f"{name}.at_most = {upper:g}" if group else _ratio(settings, name), row, upper)


def _ratio(settings: Constraints, name: str) -> str:
    _, number, end = name.split(".")
    ratio = settings.ratios[int(number)]
    return f"{name} = {getattr(ratio, end):g} ({ratio.of} to {ratio.to})"


def _by_tokens(domains: tuple[str, ...], epochs: np.ndarray) -> Iterator[Inequality]:
    for name, value, unit in zip(domains, epochs, np.eye(len(domains)), strict=True):
        if value < 1:
            yield Inequality(f"the largest weight of {name} by its tokens or bound, {value:.3g}", unit, value)


def _refuse(parts: list[Inequality], domains: int, key: str) -> None:
    by, _ = conflicts.shortfall(parts, domains)
    texts = list(dict.fromkeys(entry.text for entry in parts))
    together = f"{', '.join(texts[:-1])} and {texts[-1]}" if len(texts) > 1 else texts[0]
    first = next((entry for entry in parts if not entry.text.startswith("the largest weight")), parts[0])
    alone = float(first.side @ _best(first, [part for part in parts if part is not first], domains)) - first.most
    raise InputError(
        f"{key}: no mixture satisfies {together}; each must give way by {by:.3g}, or "
        f"{first.text.split(' = ')[0]} alone by {alone:.3g}"
    )


def _best(inequality: Inequality, others: list[Inequality], domains: int) -> np.ndarray:
    """The mixture (K,) that keeps the ``others`` and breaks ``inequality`` least."""
    sides = np.array([entry.side for entry in others]).reshape(-1, domains)
    most = np.array([entry.most for entry in others])
    solution = optimize.linprog(
        inequality.side, A_ub=sides, b_ub=most + conflicts.SMALL, A_eq=np.ones((1, domains)), b_eq=[1.0]
    )
    return np.asarray(solution.x)
