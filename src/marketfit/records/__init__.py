"""Frozen records that steps pass to each other.

A record is small and is stored as JSON; whatever is large (tables, matrices, models) is a `Blob` or a `Folder` of
blobs in the workspace, named by its SHA-256, so that the digest of a record stands for everything behind it.
"""

from marketfit.records.base import (
    Blob,
    Folder,
    Record,
    digest_of,
    sha256_file,
)
from marketfit.records.data import (
    Count,
    Dataset,
    FeedbackBatch,
    FeedbackRow,
    LengthProfile,
    Slice,
)
from marketfit.records.decision import (
    Action,
    ClassRow,
    Comparison,
    Decision,
    ErrorRow,
    Promotion,
    PromotionStatus,
    QualityReport,
    Settlement,
    Standing,
    TestComparison,
)
from marketfit.records.market import (
    ChoiceStudy,
    MarketView,
    Offer,
    Opinions,
    PartWorth,
    Ratio,
)
from marketfit.records.models import (
    Backbone,
    BundleSpec,
    Candidate,
    FitSummary,
    Recipe,
    SessionSettings,
    Shortlist,
    TermSpec,
    Trial,
    Tuned,
    Variant,
    Variants,
)

__all__ = [
    "Action",
    "Backbone",
    "Blob",
    "BundleSpec",
    "Candidate",
    "ChoiceStudy",
    "ClassRow",
    "Comparison",
    "Count",
    "Dataset",
    "Decision",
    "ErrorRow",
    "FeedbackBatch",
    "FeedbackRow",
    "FitSummary",
    "Folder",
    "LengthProfile",
    "MarketView",
    "Offer",
    "Opinions",
    "PartWorth",
    "Promotion",
    "PromotionStatus",
    "QualityReport",
    "Ratio",
    "Recipe",
    "Record",
    "SessionSettings",
    "Settlement",
    "Shortlist",
    "Slice",
    "Standing",
    "TermSpec",
    "TestComparison",
    "Trial",
    "Tuned",
    "Variant",
    "Variants",
    "digest_of",
    "sha256_file",
]
