"""The site of Brindlewick, a company that does not exist: what `dossier demo` reads by default.

`pages/` holds the pages, `assets/` what the browser loads for them. Pages whose body is an
empty element show their text only once their script ran, as many real sites do.
"""
