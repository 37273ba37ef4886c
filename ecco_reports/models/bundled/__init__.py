"""Models that ship with the package, and the recipes that made them.

Each sub-folder that holds weights can be loaded like any checkpoint folder. The sub-package `recipe` regenerates
them from the tables and templates in its source; nothing outside that sub-package needs it.
"""
