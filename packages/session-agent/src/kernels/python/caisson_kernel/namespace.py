"""The module that the caller's code runs in."""

import sys


def make_main_module():
    """A fresh `__main__`, so that pickle, dataclasses and `if __name__ == '__main__'` find what they expect."""
    module = type(sys)('__main__')
    module.__builtins__ = sys.modules['builtins']
    sys.modules['__main__'] = module
    return module
