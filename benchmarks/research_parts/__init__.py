"""The parts of the benchmark of market research, `benchmarks/research.py`: each measures some rows of its table."""
