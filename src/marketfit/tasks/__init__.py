"""One folder for each kind of problem: `train.py` is the heavy half, `runtime.py` the light one.

Nobody imports these: the registry finds Trainers and Runtimes through their entry points.
"""
