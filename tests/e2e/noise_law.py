"""The law that released noise must follow, and tests of it that are exact at every sample size."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from carrel_protocol.privacy import Noise

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


def dkw(n: int, alpha: float) -> float:
    """With probability 1 − alpha, n draws' empirical CDF is nowhere further off than this.

    √(ln(2/α)/2n), for every law, discrete ones included (Massart 1990, Corollary 1).
    """
    return math.sqrt(math.log(2 / alpha) / (2 * n))


@dataclass(frozen=True)
class Law:
    """Discrete Laplace, P[x] ∝ exp(−|x|/s), or discrete Gaussian, P[x] ∝ exp(−x²/2s²)."""

    noise: Noise

    @cached_property
    def support(self) -> Integers:
        """As far as 60 scales (Laplace) or 12: beyond lies less than 1e-25 of the mass."""
        reach = math.ceil(self.noise.scale * (60 if self._laplace else 12)) + 2
        return np.arange(-reach, reach + 1)

    @cached_property
    def probability(self) -> Floats:
        distance = np.abs(self.support) / self.noise.scale
        weights = np.exp(-distance if self._laplace else -(distance**2) / 2)
        return np.asarray(weights / weights.sum())

    @cached_property
    def _folded(self) -> tuple[Integers, Floats]:
        """The law of |x|."""
        middle = self.support.size // 2
        folded = self.probability[middle:].copy()
        folded[1:] *= 2
        return self.support[middle:], folded

    @property
    def _laplace(self) -> bool:
        return self.noise.mechanism == "discrete_laplace"

    @property
    def positive(self) -> float:
        """P[x > 0]."""
        return float(self.probability[self.support > 0].sum())

    def faults(self, drawn: Integers, alpha: float) -> list[str]:
        """What tells `drawn` from independent draws of this law; each test errs at most `alpha`.

        Five tests: the CDF, the CDF of |x| (where another scale shows twice as large), the mean of
        |x| or x² (what estimates either family's scale best), the sign, and neighbours' signs.
        """
        if np.abs(drawn).max() > self.support[-1]:
            return ["beyond the law's support"]
        n, positive = drawn.size, drawn > 0
        pairs = positive[: n - n % 2].reshape(-1, 2)
        checks = {
            "CDF": self._distance(drawn) <= dkw(n, alpha),
            "CDF of the absolute value": self._folded_distance(drawn) <= dkw(n, alpha),
            "scale": self._scale_tail(drawn) > alpha,
            "sign": _binomial(positive, self.positive) > alpha,
            "neighbours": _binomial(pairs.all(axis=1), self.positive**2) > alpha,
        }
        return [name for name, passed in checks.items() if not passed]

    def dependent(self, drawn: Integers, other: "Law", also: Integers, alpha: float) -> bool:
        """Whether two vectors of noise are positive together more or less often than by chance."""
        return _binomial((drawn > 0) & (also > 0), self.positive * other.positive) <= alpha

    def _distance(self, drawn: Integers) -> float:
        """sup |F_n − F|: both are steps with jumps on the support alone."""
        empirical = np.searchsorted(np.sort(drawn), self.support, side="right") / drawn.size
        return float(np.abs(empirical - np.cumsum(self.probability)).max())

    def _folded_distance(self, drawn: Integers) -> float:
        support, folded = self._folded
        absolute = np.searchsorted(np.sort(np.abs(drawn)), support, side="right")
        return float(np.abs(absolute / drawn.size - np.cumsum(folded)).max())

    def _scale_tail(self, drawn: Integers) -> float:
        """Chernoff's bound on a mean of T = |x| or x² as far from E[T] as seen, either side.

        P[mean ≥ m] ≤ (E[exp(tT)]·exp(−tm))ⁿ for every t > 0, and likewise below. The bound at
        the best t of a fixed grid falls as m moves away, so it is below alpha with probability
        at most alpha.
        """
        power = 1 if self._laplace else 2
        support, folded = self._folded
        statistic = support.astype(np.float64) ** power
        seen = float((np.abs(drawn).astype(np.float64) ** power).mean())
        side = 1 if seen > float(statistic @ folded) else -1
        spread = math.sqrt(float(statistic**2 @ folded))
        exponent = min(
            math.log(float(np.exp(np.minimum(side * t * statistic, 700)) @ folded))
            - side * t * seen
            for t in np.geomspace(1e-4, 0.4, 80) / spread
        )
        return min(1.0, 2 * math.exp(min(0.0, drawn.size * exponent)))


def _binomial(hits: NDArray[np.bool_], probability: float) -> float:
    return float(binomtest(int(hits.sum()), hits.size, probability).pvalue)
