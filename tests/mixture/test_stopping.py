"""Another round is worth its compute while it could gain more than proxies can tell apart."""

from __future__ import annotations

import math

import numpy as np
import pytest

from regmix.mixture.stopping import outlook
from regmix.statistics import intervals

META = {"train_tokens": 1000, "flops_a_token": {"body": 1.0, "full": 3.0}}


@pytest.mark.parametrize(("regret", "verdict"), [(0.1, "continue"), (0.001, "stop")])
def test_a_round_goes_on_where_it_could_gain_more_than_the_noise(regret, verdict):
    found = outlook({"regret": regret}, 0.02, 6, 0.95, 19, META)
    assert (found.expected_gain, found.flops, found.verdict) == (regret, 19 * 1000 * 3.0, verdict)


def test_the_noise_is_half_the_interval_of_a_paired_comparison():
    one, other = np.random.default_rng(0).normal(scale=0.02, size=(2, 6))
    gain = intervals.gain(one, other, 0.95)
    sd = float((one - other).std(ddof=1)) / math.sqrt(2)
    assert outlook({"regret": 0.0}, sd, 6, 0.95, 1, META).noise == pytest.approx((gain.high - gain.low) / 2)


@pytest.mark.parametrize(("sd", "seeds"), [(math.nan, 6), (0.02, 1)])
def test_without_a_known_noise_there_is_no_verdict(sd, seeds):
    assert outlook({"regret": 0.1}, sd, seeds, 0.95, 19, META).verdict is None
