"""Predictions over HTTP: every answer and every word of feedback becomes an event before it is acknowledged."""

from marketfit.serve.server import create_app, running, serve
from marketfit.serve.settings import ServeSettings

__all__ = ["ServeSettings", "create_app", "running", "serve"]
