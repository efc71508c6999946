"""The printed table of coefficients, the same for every model that is fitted by maximum likelihood."""

from __future__ import annotations

import math
from collections.abc import Mapping

from marketfit.demand.models.covariance import Errors
from marketfit.demand.printing import table_rows


def coefficient_rows(coefficients: Mapping[str, float], errors: Mapping[Errors, Mapping[str, float]]) -> list[str]:
    """Lines of name, estimate, and standard error, z and two-sided p for each kind of errors.

    errors: kind → name → standard error; a missing one (NaN) is that of a coefficient at its bound.

    >>> errors = {
    ...     "classical": {"price": 0.25, "brand_b": math.nan},
    ...     "robust": {"price": 0.5, "brand_b": math.nan}}
    >>> print("\\n".join(coefficient_rows({"price": -0.5, "brand_b": 0.0}, errors)))
    coefficient  estimate  classical s.e.      z       p  robust s.e.      z       p
    price            -0.5            0.25  -2.00  0.0455          0.5  -1.00  0.3173
    brand_b             0    at its bound
    """
    heads = ["coefficient", "estimate", *(cell for kind in errors for cell in (f"{kind} s.e.", "z", "p"))]
    rows = []
    for name, value in coefficients.items():
        known = [of_kind[name] for of_kind in errors.values()]
        bound = any(map(math.isnan, known))
        told = ["at its bound"] if bound else [cell for error in known for cell in _error_cells(value, error)]
        rows.append([name, f"{value:.6g}", *told])
    return table_rows(heads, rows)


def errors_line(shown: Errors, deciding: Errors) -> str:
    """Which kind of errors is used where.

    >>> errors_line("classical", "clustered"), errors_line("robust", "robust")
    ('standard errors: classical; intervals and draws: clustered', 'standard errors: robust')
    """
    return f"standard errors: {shown}" + (f"; intervals and draws: {deciding}" if deciding != shown else "")


def _error_cells(value: float, error: float) -> tuple[str, str, str]:
    z = value / error if error else math.nan
    return f"{error:.4g}", f"{z:.2f}", _p_text(z)


def _p_text(z: float) -> str:
    p = math.erfc(abs(z) / math.sqrt(2))
    return "<0.0001" if p < 0.0001 else f"{p:.4f}"
