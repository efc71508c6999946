"""The parts of `benchmarks/compress.py`: what is prepared once, the engines, one measured process, floor and peak."""
