"""How attributions are computed, for every room that needs them: the page of attributions, and the one that tests them.

``settings`` is what an experiment says, ``computing`` asks the model, ``results`` is what is stored. It is no room: it
has no page of its own.
"""
