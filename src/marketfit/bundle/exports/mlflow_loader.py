"""What `mlflow.pyfunc.load_model` calls for an exported bundle."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from marketfit.bundle.bundle import Bundle, load

if TYPE_CHECKING:
    import pandas as pd


class BundleModel:
    """MLflow's model interface: a table with one column of inputs in, a table of answers out."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle

    def predict(self, table: pd.DataFrame, params: Mapping[str, object] | None = None) -> pd.DataFrame:  # noqa: ARG002 - MLflow gives it
        """Label, calibrated probability and abstention of every row, with the table's index."""
        import pandas as pd

        answers = self.bundle.predict(table.iloc[:, 0].tolist())
        columns = {name: [getattr(answer, name) for answer in answers] for name in ("label", "score", "abstain")}
        return pd.DataFrame(columns, index=table.index)


def _load_pyfunc(path: str) -> BundleModel:
    """Verify and open the bundle in an MLflow model.

    Raises:
        BundleError: it was changed.
    """
    return BundleModel(load(Path(path)))
