"""Survey pages: one question a page, plain forms without a script; every answer is an event before the next page."""

from marketfit.serve.survey.server import running_survey
from marketfit.serve.survey.settings import SurveySettings

__all__ = ["SurveySettings", "running_survey"]
