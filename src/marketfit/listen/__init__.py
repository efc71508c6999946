"""Step 6, user feedback: rows to learn from, slices that fail, drift; and whether a challenger may take over."""

from marketfit.listen.compare import answers_right, compare, compare_on_test
from marketfit.listen.evalue import THRESHOLD, evalue
from marketfit.listen.files import feedback_file
from marketfit.listen.gather import AuditedPair, audited
from marketfit.listen.judge import challenge, judge_challenger
from marketfit.listen.promotion import promote, rollback
from marketfit.listen.replay import Replay, replay
from marketfit.listen.step import listen

__all__ = [
    "THRESHOLD",
    "AuditedPair",
    "Replay",
    "answers_right",
    "audited",
    "challenge",
    "compare",
    "compare_on_test",
    "evalue",
    "feedback_file",
    "judge_challenger",
    "listen",
    "promote",
    "replay",
    "rollback",
]
