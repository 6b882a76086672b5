"""The private median over blocks: one point of a public grid, chosen by the exponential mechanism.

Each of `blocks` values is a point of the grid {0, …, steps}, and each point of that grid is a
candidate, whatever the values are. With h = ⌊blocks/2⌋ a candidate c is scored by

    u(c) = max(0, #{values < c} − h, #{values > c} − h):

how many values would have to be others for c to be a median of them (at most half of them below,
and at most half above). The candidate is drawn with probability ∝ exp(−u(c)/scale): McSherry &
Talwar 2007, "Mechanism design via differential privacy" (FOCS); for quantiles Smith 2011 (STOC).

**Sensitivity.** `carrel_protocol.black_box` shows that adding or removing a unit gives the function
other data in one block, so *substitutes* one of the values (one removed and one added: 2 in the
symmetric distance) and never changes how many there are. If a value moves from a to b, the number
of values below c changes by at most 1, and so does the number above it. A maximum of terms that
each change by at most 1 changes by at most 1: |Δu(c)| ≤ 1 for every candidate c at once, in either
direction. OpenDP's score for a median, |#{values < c} − #{values > c}|, moves by 2 for the same
substitution and is twice as large: the same privacy at the same noise. It is not the one taken here
because where values are equal (as those of failed blocks are) a point that is no median may score
better than one that is.

**Privacy.** The changes of two candidates' scores differ by at most 2, so the log of how likely one
is, compared with another, moves by at most η = 2/scale: the choice has *bounded range* η (Durfee &
Rogers 2019, arXiv 1905.04273; Dong, Durfee & Rogers 2020, arXiv 1909.13830, Prop. 2). Hence it is
η-DP, and (η²/8)-zCDP, which is 1/(2·scale²) (Cesar & Rogers 2021, arXiv 2004.07223, Lemma 3.2).
Coordinates are chosen one by one, each with its own part, and the parts add up. This is for each
draw of the blocks. Their mixture has both of these bounds too (Rényi divergence is quasi-convex:
van Erven & Harremoës 2014, arXiv 1206.2459, Thm 13), and they are all that is claimed or charged.

**How far off.** A median of the values is itself a candidate with u = 0, and at most `steps`
candidates have u ≥ t + 1, each less likely than it by exp(−(t + 1)/scale). So

    P[u ≥ t + 1] ≤ x/(1 + x),   x = steps · exp(−(t + 1)/scale),

whatever the values are. And u(c) ≤ t says where c lies among them: `rank_interval`.
"""

import math
from dataclasses import dataclass

DEFAULT_STEPS = 1000
MAX_STEPS = 4096
"""Each point is a candidate that is looked at and drawn from, and the more there are, the further
off a median may be (by the logarithm): far fewer than a mean's grid has."""
_SLACK = 1e-9
"""More than floating point is off by in `rank_half_width`, in the safe direction."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One of `candidates` by their scores; a unit moves each by at most `sensitivity`."""

    candidates: int
    sensitivity: int = 1

    @property
    def range(self) -> int:
        """How much one unit can move the difference of two scores."""
        return 2 * self.sensitivity


def rank_half_width(scale: float, steps: int, blocks: int, confidence: float) -> int:
    """The least t that the bound above allows with P[u ≤ t] ≥ confidence: noise alone, in ranks.

    Never more than ⌈blocks/2⌉, at which every point of the grid is allowed.
    """
    worst = (blocks + 1) // 2
    # x/(1 + x) ≤ 1 − confidence, solved for t + 1.
    needed = scale * math.log(steps * confidence / (1 - confidence)) * (1 + _SLACK) + _SLACK
    return min(max(math.ceil(needed) - 1, 0), worst)


def rank_interval(off: int, blocks: int) -> tuple[int, int]:
    """Ranks r ≤ s with x_r ≤ c ≤ x_s for every candidate c with u(c) ≤ `off`.

    x_1 ≤ … ≤ x_blocks are the values; x_0 is the lower bound of the range and x_(blocks + 1) the
    upper one. At most h + off values lie above c, so the one of rank blocks − h − off does not;
    and likewise below.
    """
    half = blocks // 2
    return max(blocks - half - off, 0), min(half + off + 1, blocks + 1)
