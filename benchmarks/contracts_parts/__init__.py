"""The parts of `benchmarks/contracts.py`: rows and model, the drawing, the product's command, re-measurement, table."""
