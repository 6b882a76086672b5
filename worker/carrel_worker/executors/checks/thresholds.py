"""The numbers that disclosure checks go by, and where each comes from.

Most are those of ACRO 1.0 (`acro/default.yaml`; Smith et al. 2025, doi 10.1109/TP.2025.3566052),
which British secure environments use. ACRO itself (MIT, released in August 2026) is not a
dependency: it stands in for pandas' `crosstab`, `pivot_table` and for statsmodels while a table is
made from its rows, in the researcher's own program. Here a finished table comes out of a sandbox
and the researcher's program is not trusted to call anything. It would also bring matplotlib,
statsmodels, lxml, openpyxl and rdflib along, and holds pandas below 3.
"""

from carrel_protocol.written import TELLING

LEAST_CELL = 10
"""People behind a published number (ACRO's `safe_threshold`; also the default of `CodeJob`)."""
NK_LARGEST = 2
NK_SHARE = 0.90
"""(n, k) rule: the two largest hold more than 90 % of a total (ACRO's `safe_nk_n`, `safe_nk_k`)."""
P_SHARE = 0.10
"""p % rule: all but the two largest are less than 10 % of the largest, so that the second largest
knows the largest to that (ACRO's `safe_pratio_p`; Hundepool et al. 2012, §4.2.2)."""
SAME = 1e-9
"""Relative difference below which two floating-point numbers are one: sums in another order."""
SIGNIFICANT = TELLING
MANY_DIGITS = 6
"""Of a released number; statistics offices publish three or four (Hundepool et al. 2012, §4.4)."""
FULL_DIGITS = 12
"""Beyond these a number was not rounded at all: the last of a float's 53 bits may be a payload."""
PACKED = 0.95
"""Compressed size over size above which whole numbers look like packed bytes: random bytes are at
1.0, small counts in wide types far below 0.5."""
PACKED_BYTES = 1024
"""Shorter ones say nothing: zlib's own header weighs in."""
PACKED_TEXT = 200
TEXT_BITS = 5.0
"""Shannon entropy of a text, in bits a character: prose has about 4.2, base64 nearly 6, and hex,
which cannot reach this, is found by its alphabet."""
NOISY_BITS = 3.0
"""Bits a pixel of a compressed figure in 16 shades: a plot has less than one, a page of small text
two, a photograph five, noise twelve."""
MANY_SPECKS = 1000
"""Single colours that differ by a shade from all around them; a plot has few of them."""
MANY_TEXTS = 20
"""Distinct texts of a column beyond which they name things rather than groups."""
LARGE_SHARE = 0.10
ALARMING_SHARE = 0.50
"""Numbers in an output over numbers in the data: an aggregate is far smaller than its data."""
MOST_ROWS = 20_000_000
"""Larger tables are not gone through for groups and rows, and the reviewer is told."""
