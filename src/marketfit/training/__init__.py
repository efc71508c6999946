"""The shared torch side: the objective and its terms, length-bucketed batches, the training loop, tuning methods.

Nothing here knows a task. Modules that need torch import it at the top and are themselves imported where training
starts; `import marketfit.training` loads nothing heavy.
"""
