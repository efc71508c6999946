"""The mixed logit on stated choices of electricity suppliers (361 people, 4,308 tasks), beside xlogit.

All six coefficients are normal, panel, with the same Halton draws. Both are timed from the table in memory to the
finished fit with standard errors. xlogit's come free, from its search; ours from the exact Hessian.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from marketfit.demand import fit_mixed

from .race import Bar, Contender, absent, installed, race, rival, shown
from .row import Found, Row, skipped
from .settings import Settings
from .surveys import ELECTRICITY, SUPPLIER, missing, read

PART, PEER = "mixed", "xlogit"
BAR = Bar("no slower", faster=False, needs=("draws",))
FEWEST = 3
"""Turns, so that a median is one."""


def measure(settings: Settings) -> Found:
    """Our row beside xlogit's."""
    what = f"electricity, 6 normal, {settings.draws} draws"
    why = missing(settings.data, ELECTRICITY)
    if why:
        return Found((skipped(PART, what, why, BAR.words),))
    table = pq.read_table(settings.data / ELECTRICITY)
    contenders: dict[str, Contender] = {"ours": lambda: ours(table, settings.draws)}
    if installed(PEER):
        contenders[PEER] = lambda: xlogit(table, settings.draws)
    times = race(contenders, dict.fromkeys(contenders, max(settings.repeats, FEWEST)))
    n = f"{table['chosen'].to_numpy().sum():,} choices"
    if PEER in times:
        return Found((rival((PART, what, n), times["ours"], (PEER, times[PEER]), BAR, settings),))
    taken = times["ours"].seconds
    return Found((Row(PART, what, f"{n}; {len(taken)} turns", shown(taken)), absent(PART, what, PEER, BAR)))


def ours(table: pa.Table, draws: int) -> float:
    """The log-likelihood of our fit."""
    data = read(table, SUPPLIER)
    return fit_mixed(data, random=dict.fromkeys(SUPPLIER, "normal"), draws=draws).log_likelihood


def xlogit(table: pa.Table, draws: int) -> float:
    """The log-likelihood of xlogit's fit, on the processor."""
    from xlogit import MixedLogit

    model = MixedLogit()
    model.fit(
        X=np.column_stack([table[name].to_numpy() for name in SUPPLIER]),
        y=table["chosen"].to_numpy(),
        varnames=list(SUPPLIER),
        alts=table["alt"].to_numpy(),
        ids=table["obs_id"].to_numpy(),
        panels=table["person_id"].to_numpy(),
        randvars=dict.fromkeys(SUPPLIER, "n"),
        n_draws=draws,
        verbose=0,
    )
    return float(model.loglikelihood)
