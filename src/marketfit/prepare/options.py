"""Every constant of data preparation, in one place, with its reason."""

from __future__ import annotations

from typing import Final

# --- reading

CSV_BLOCK: Final = 16 * 2**20
"""Bytes that pyarrow parses at once; one row may be nearly this long."""

LONGEST_FIELD: Final = 1_000_000
"""Characters (bytes for pictures and sound: 100 times as many) of one field; a longer one is quarantined."""

LONGEST_BINARY: Final = 100 * LONGEST_FIELD

SHOWN: Final = 500
"""Characters of a row's content that the quarantine file keeps; the source keeps the whole."""

# --- duplicates

SHINGLE: Final = 4
"""Characters of a shingle: long enough that common letters prove nothing, short enough for short commands."""

NEAR: Final = 0.9
"""Jaccard similarity of shingle sets from which two texts are near-duplicates."""

BANDS: Final = 12
BAND_ROWS: Final = 8
"""A pair at similarity s becomes a candidate with probability 1 − (1 − s⁸)¹²: 0.999 at 0.9, 0.05 at 0.5."""

MOST_CANDIDATES: Final = 500
"""Candidates of one row that are compared exactly; bounds the work on texts written from one template."""

MOST_INDEXED: Final = 300_000
"""Rows that the near-duplicate index holds (about 4 kB each). Above it only test and valid are indexed: no leak."""

# --- split

TEST_SHARE: Final = 0.25
TEST_MOST: Final = 5_000
TEST_WANTED: Final = 300
"""Enough to prove 0.95 when 0.97 is seen; taken where it is at most a third of the rows."""

VALID_SHARE: Final = 0.15
VALID_MOST: Final = 3_000

FEWEST: Final = 3
"""Rows of a class: one for each split."""

# --- label errors and outliers

FOLDS: Final = 5
FEW_FOLDS: Final = 3
LARGE: Final = 1_000_000
"""Rows × classes from which three folds must do: logistic regression takes time in proportion to it."""

MOST_CHECKED: Final = 20_000
"""Rows that the label-error report looks at; more are sampled."""

STRENGTH: Final = 10.0
"""Inverse regularisation C of logistic regression on unit-length features."""

ITERATIONS: Final = 20
"""L-BFGS iterations: the ranking of suspicious labels is settled long before the optimum."""

REFERENCE: Final = 4_000
"""Rows that each row is compared with when outliers are sought."""

OUTLIERS: Final = 5
"""Rows that the outlier note names."""

LISTED: Final = 20
"""Names that an error or a note lists before it says how many more there are."""
