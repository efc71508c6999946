"""Step 1, data preparation: read, validate, quarantine, deduplicate, split without leaks, report label errors."""

from marketfit.prepare.preview import DataPreview, inspect
from marketfit.prepare.step import prepare

__all__ = ["DataPreview", "inspect", "prepare"]
