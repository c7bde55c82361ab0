"""Modules that cells find imported. Only what belongs to the template: the path holds nothing that a tenant can write."""

import importlib
import sys


def preload(names):
    for name in names:
        try:
            importlib.import_module(name)
        except Exception as error:
            # A package that the template lacks, or that does not import there, is left to the code that asks for it.
            print(f'not preloaded: {name}: {error!r}', file=sys.stderr)
