"""The loop: the steps in order, resume, seal, promote, roll back. `turn.py` reads like the map's diagram."""

from marketfit.loop.answers import write_csv, write_json
from marketfit.loop.checking import Check, check
from marketfit.loop.cycle import fit, improve
from marketfit.loop.exporting import Exported, export
from marketfit.loop.keys import Keys
from marketfit.loop.library import Compressed, compress_model
from marketfit.loop.market import MarketReport, report_market
from marketfit.loop.operate import (
    Added,
    InService,
    Option,
    add_feedback,
    brief_options,
    newest_report,
    promote,
    rollback,
    serve_options,
    serving,
)
from marketfit.loop.outcome import OfferShare, Outcome
from marketfit.loop.predictions import predict_file
from marketfit.loop.simulation import MarketQuestion, SimulatedMarket, simulate_market
from marketfit.loop.survey_answers import ReadSurvey, read_survey
from marketfit.loop.surveys import (
    DesignedSurvey,
    design_survey,
    serving_survey,
    survey_file_options,
    survey_serve_options,
)
from marketfit.loop.verification import LabelledFile, Verification, verify
from marketfit.research.choice_diagnosis import PrecisionAsked

__all__ = [
    "Added",
    "Check",
    "Compressed",
    "DesignedSurvey",
    "Exported",
    "InService",
    "Keys",
    "LabelledFile",
    "MarketQuestion",
    "MarketReport",
    "OfferShare",
    "Option",
    "Outcome",
    "PrecisionAsked",
    "ReadSurvey",
    "SimulatedMarket",
    "Verification",
    "add_feedback",
    "brief_options",
    "check",
    "compress_model",
    "design_survey",
    "export",
    "fit",
    "improve",
    "newest_report",
    "predict_file",
    "promote",
    "read_survey",
    "report_market",
    "rollback",
    "serve_options",
    "serving",
    "serving_survey",
    "simulate_market",
    "survey_file_options",
    "survey_serve_options",
    "verify",
    "write_csv",
    "write_json",
]
