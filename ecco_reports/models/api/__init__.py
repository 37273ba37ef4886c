"""Models behind an OpenAI-compatible server: text and log-probabilities, and nothing of their insides.

server      where it is, what it may cost          light: asked before anything is computed
words       tokens of a server, words of a text    light
cost        what an experiment would cost          light
answers     what a server may answer, and the answers kept on the disk
budget      calls and tokens of a run, counted before they are spent
patience    which failures are worth another attempt, and how long to wait for it
client      one question, one answer
listing     log-probabilities at the places of a text, whatever the server offers
model       the ``LanguageModel`` of all this
"""
