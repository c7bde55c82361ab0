"""Installed packages, which an interpreter that is started with `-S` does not look for.

What `site` does at the start of others is to run the code of every `.pth` file on the path, and that may import half of the
standard library. Most steps import no package at all, so it is left to the first one that does.
"""

import os
import site
import sys


def offer_packages():
    site.setquit()
    site.setcopyright()
    site.sethelper()
    sys.path += filter(os.path.isdir, site.getsitepackages())
    sys.meta_path.insert(0, _RestOfSite())


class _RestOfSite:
    """Looks at each import until one is outside the standard library."""

    def find_spec(self, name, path=None, target=None):
        if path is not None or name in sys.stdlib_module_names:
            return None
        sys.meta_path.remove(self)
        site.main()
        # Asks all current finders: the importer iterates over a list that has just changed.
        found = (finder.find_spec(name, path, target) for finder in sys.meta_path)
        return next(filter(None, found), None)
