"""The multinomial logit on yogurt purchases (2,412 choices among 4, five coefficients) beside both peers.

Ours is judged by what a user waits for: reading the table, with its checks, and the fit with standard errors. The peers
get ready-made columns of numbers. statsmodels' conditional logit takes seconds, and so takes fewer turns.
"""

from __future__ import annotations

import contextlib
import io
import warnings

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from marketfit.demand import fit_mnl

from .race import Bar, Contender, absent, installed, race, rival, shown
from .row import Found, Row, skipped
from .settings import Settings
from .surveys import PURCHASE, YOGURT, missing, read

PART, WHAT = "mnl", "yogurt, read and fit"
COLUMNS = ("price", "feat", "brand_hiland", "brand_weight", "brand_yoplait")
BAR = Bar("faster", faster=True)
PEERS = ("xlogit", "statsmodels")
READ, FIT = "read and fit", "fit"


def measure(settings: Settings) -> Found:
    """A row for each peer, and one for the fit alone."""
    why = missing(settings.data, YOGURT)
    if why:
        return Found((skipped(PART, WHAT, why, BAR.words),))
    table = pq.read_table(settings.data / YOGURT)
    data = read(table, PURCHASE)
    contenders: dict[str, Contender] = {
        READ: lambda: fit_mnl(read(table, PURCHASE)).log_likelihood,
        FIT: lambda: fit_mnl(data).log_likelihood,
        **{name: contender for name, contender in peers(table).items() if installed(name)},
    }
    turns = dict.fromkeys(contenders, settings.rounds) | {"statsmodels": settings.repeats}
    times = race(contenders, turns)
    n = f"{data.tasks:,} choices"
    rows = [
        rival((PART, WHAT, n), times[READ], (name, times[name]), BAR, settings)
        if name in times
        else absent(PART, WHAT, name, BAR)
        for name in PEERS
    ]
    alone = Row(PART, "the fit alone", f"{n}; {len(times[FIT].seconds)} turns", shown(times[FIT].seconds))
    return Found((*rows, alone))


def peers(table: pa.Table) -> dict[str, Contender]:
    """Each peer's fit to the columns that it wants. A peer is imported when it fits."""
    brand = np.array(table.column("brand").to_pylist())
    dummies = [brand == name.removeprefix("brand_") for name in COLUMNS[2:]]
    plain = [table.column(name).to_numpy() for name in COLUMNS[:2]]
    design = np.column_stack([*plain, *dummies]).astype(np.float64)
    chosen, tasks = table.column("chosen").to_numpy(), table.column("obs_id").to_numpy()
    alternatives = table.column("alt").to_numpy()

    def xlogit() -> float:
        from xlogit import MultinomialLogit

        model = MultinomialLogit()
        with contextlib.redirect_stdout(io.StringIO()):
            model.fit(X=design, y=chosen, varnames=list(COLUMNS), alts=alternatives, ids=tasks)
        return float(model.loglikelihood)

    def statsmodels() -> float:
        from statsmodels.discrete.conditional_models import ConditionalLogit

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return float(ConditionalLogit(chosen, design, groups=tasks).fit(disp=False).llf)

    return {"xlogit": xlogit, "statsmodels": statsmodels}
