"""Quality, intervals and tests, and the probe of latency and memory.

Nothing is imported here: the probe's processes come through this door, and what they load is measured. Import from
the modules: `intervals`, `bootstrap`, `compare`, `quality`, `quality_report`, `calibration`, `probe`, `machine`.
"""
