"""What implementers and tests need: small real parts that are made in milliseconds."""

from marketfit.testing.tiny import tiny_bundle

__all__ = ["tiny_bundle"]
