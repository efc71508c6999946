"""The printed table of coefficients, the same for every choice model."""

from __future__ import annotations

import math
from collections.abc import Mapping


def coefficient_rows(coefficients: Mapping[str, float], standard_errors: Mapping[str, float]) -> list[str]:
    """Lines of name, estimate, standard error, z and two-sided p; a missing (NaN) error is a coefficient at its bound.

    >>> print("\\n".join(coefficient_rows({"price": -0.5, "brand_b": 0.0}, {"price": 0.25, "brand_b": math.nan})))
    coefficient     estimate   std. error         z        p
    price               -0.5         0.25     -2.00   0.0455
    brand_b                0 at its bound
    """
    width = max(len("coefficient"), *(len(name) for name in coefficients))
    lines = [f"{'coefficient':<{width}} {'estimate':>12} {'std. error':>12} {'z':>9} {'p':>8}"]
    for name, value in coefficients.items():
        error = standard_errors[name]
        if math.isnan(error):
            lines.append(f"{name:<{width}} {value:>12.6g} {'at its bound':>12}")
            continue
        z = value / error
        lines.append(f"{name:<{width}} {value:>12.6g} {error:>12.4g} {z:>9.2f} {_p_text(z):>8}")
    return lines


def _p_text(z: float) -> str:
    p = math.erfc(abs(z) / math.sqrt(2))
    return "<0.0001" if p < 0.0001 else f"{p:.4f}"
