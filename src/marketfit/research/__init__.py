"""Market research: questionnaires, choice surveys, competitors and label opinions → MarketView."""

from marketfit.records.questionnaire import Answer, Field, Option, Question, Questionnaire
from marketfit.research.step import research

__all__ = ["Answer", "Field", "Option", "Question", "Questionnaire", "research"]
