"""The embedded stack and the command line tool `dossier`."""
