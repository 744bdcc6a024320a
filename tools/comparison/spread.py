# SPDX-License-Identifier: Apache-2.0
"""Medians, their spread, and when a difference is noise. Pure functions."""
import dataclasses

NOISE_FACTOR = 3  # times the MAD of the rounds' ratios
NOISE_LEAST = 0.05


def median(values):
    if not values:
        raise ValueError("the median of nothing")
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def mad(values):
    """Median absolute deviation: the spread that a few bad rounds do not move."""
    middle = median(values)
    return median([abs(value - middle) for value in values])


@dataclasses.dataclass(frozen=True)
class Ratio:
    ratio: float
    mad: float
    verdict: str  # of the first: "noise", "better" or "worse"; "once" where one round says nothing of the spread
    rounds: int


def is_noise(ratio, ratios_mad):
    return abs(ratio - 1) < max(NOISE_FACTOR * ratios_mad, NOISE_LEAST)


def compare(firsts, seconds, lower_is_better=True):
    """The ratio of values by round, so that a machine that changes its speed between rounds changes both sides.

    None stands for a round that does not count. None when no round counts on both sides.
    """
    pairs = [(a, b) for a, b in zip(firsts, seconds) if a is not None and b is not None and b > 0]
    if not pairs:
        return None
    ratios = [a / b for a, b in pairs]
    ratio, spread = median(ratios), mad(ratios)
    if len(pairs) == 1:
        verdict = "once"
    elif is_noise(ratio, spread):
        verdict = "noise"
    else:
        verdict = "better" if (ratio < 1) == lower_is_better else "worse"
    return Ratio(ratio, spread, verdict, len(pairs))
