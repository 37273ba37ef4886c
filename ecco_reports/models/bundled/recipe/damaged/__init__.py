"""Copies of the bundled causal model that a regression report is tried on: some worse than it, some as good.

python -m ecco_reports.models.bundled.recipe.damaged experiments/regression
"""
