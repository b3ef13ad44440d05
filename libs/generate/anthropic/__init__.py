"""The generator that asks an Anthropic model.

`generator.py` knows which calls make a draft, `pages.py` what is sent of the
sources, `call.py` how one call is made and how it can fail, `answers.py` the
schemas of what comes back, `drafts.py` how that becomes a draft.
"""
