"""Imports modules for all cells. They come from the template: tenants can write to no directory of the path."""

import importlib
import sys


def preload(names):
    for name in names:
        try:
            importlib.import_module(name)
        except Exception as error:
            # A package that is missing or fails here is left to the code that imports it.
            print(f'not preloaded: {name}: {error!r}', file=sys.stderr)
