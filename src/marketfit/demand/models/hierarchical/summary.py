"""The printed table of a posterior."""

from __future__ import annotations

from collections.abc import Mapping


def posterior_rows(
    means: Mapping[str, float], spreads: Mapping[str, float], r_hat: Mapping[str, float], sizes: Mapping[str, float]
) -> list[str]:
    """Lines of name, posterior mean and standard deviation, R-hat and effective sample size.

    >>> print("\\n".join(posterior_rows({"price": -0.5}, {"price": 0.25}, {"price": 1.004}, {"price": 812.3})))
    coefficient    post. mean     post. sd    R-hat     ESS
    price                -0.5         0.25    1.004     812
    """
    width = max(len("coefficient"), *(len(name) for name in means))
    lines = [f"{'coefficient':<{width}} {'post. mean':>13} {'post. sd':>12} {'R-hat':>8} {'ESS':>7}"]
    lines.extend(
        f"{name:<{width}} {mean:>13.6g} {spreads[name]:>12.4g} {r_hat[name]:>8.3f} {sizes[name]:>7.0f}"
        for name, mean in means.items()
    )
    return lines
