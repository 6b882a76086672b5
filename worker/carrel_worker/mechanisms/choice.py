"""Choosing one of public candidates by their scores: OpenDP's exponential mechanism.

Through `zero_concentrated_divergence`, which draws from the exponential mechanism itself, exactly:
candidates uniformly, each kept with probability exp(−(score − least score)/scale), in rational
numbers. (Its `max_divergence` is permute-and-flip: another distribution, private by an epsilon
only, and not what is priced.)
"""

from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np
import opendp.prelude as dp
from numpy.typing import NDArray

from carrel_protocol.median import Choice
from carrel_protocol.privacy import Claimed, Noise
from carrel_worker.mechanisms.noise import NoiseTooSmall

dp.enable_features("contrib")


def check_choice(choice: Choice, noise: Noise, claimed: Claimed) -> None:
    """Raise `NoiseTooSmall` unless `noise` gives what `claimed` says, in exact arithmetic.

    A choice has bounded range η = range/scale and is (η²/8)-zCDP: see `carrel_protocol.median`.
    """
    scale, promised = Fraction(noise.scale), Fraction(claimed.value)
    match noise.mechanism, claimed.kind:
        case "exponential", "range":
            enough = scale * promised >= choice.range
        case "exponential", "rho":
            enough = 8 * promised * scale**2 >= choice.range**2
        case _:
            enough = False
    if not enough:
        raise NoiseTooSmall(
            f"{noise.mechanism} of scale {noise.scale} does not give {claimed.kind} = "
            f"{claimed.value} for a choice by scores of sensitivity {choice.sensitivity}"
        )


def choose(scores: NDArray[np.int64], noise: Noise) -> int:
    """The place of one candidate, drawn with P ∝ exp(−score/scale). How long that takes depends on
    the scores."""
    if noise.mechanism != "exponential":
        raise ValueError(f"{noise.mechanism} noise chooses nothing")
    return int(_chooser(noise.scale)(scores.tolist()))


@lru_cache(maxsize=256)
def _chooser(scale: float) -> Any:
    return dp.m.make_noisy_max(
        dp.vector_domain(dp.atom_domain(T=dp.i64)),
        dp.linf_distance(T=dp.i64),
        dp.zero_concentrated_divergence(),
        scale=scale,
        negate=True,
    )
