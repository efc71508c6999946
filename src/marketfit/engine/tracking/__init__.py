"""Following a run in TensorBoard, Weights & Biases or MLflow, each where its extra is installed.

What is written there is never read back: the ledger alone says what happened.
"""

from marketfit.engine.tracking.tracker import Value
from marketfit.engine.tracking.tracking import Recording, Tracking, require

__all__ = ["Recording", "Tracking", "Value", "require"]
