"""Source lines of the steps, for tracebacks and `inspect`."""

import sys

# Enough for tracebacks; a session may run for a day.
MAX_STEPS = 1000


class Sources:
    """Gives the lines to `linecache` once that is imported; its import is too slow to do it in advance."""

    def __init__(self):
        self._count = 0
        self._texts = {}
        if 'linecache' not in sys.modules:
            sys.meta_path.insert(0, self)

    def add(self, text):
        """Remembers the code of a step and returns its file name."""
        self._count += 1
        name = f'<step {self._count}>'
        self._texts[name] = text
        if len(self._texts) > MAX_STEPS:
            oldest = next(iter(self._texts))
            del self._texts[oldest]
            cache = getattr(sys.modules.get('linecache'), 'cache', None)
            if cache:
                cache.pop(oldest, None)
        if 'linecache' in sys.modules:
            self._give(name)
        return name

    def __contains__(self, name):
        return name in self._texts

    def give_all(self):
        for name in self._texts:
            self._give(name)

    def _give(self, name):
        text = self._texts[name]
        lines = [line + '\n' for line in text.split('\n')]
        # Without a modification time it never becomes stale.
        sys.modules['linecache'].cache[name] = (len(text), None, lines, name)

    def find_spec(self, name, path=None, target=None):
        if name != 'linecache':
            return None
        sys.meta_path.remove(self)
        from _frozen_importlib_external import PathFinder

        spec = PathFinder.find_spec(name, path, target)
        if spec is not None:
            spec.loader = _Loader(spec.loader, self)
        return spec


class _Loader:
    def __init__(self, loader, sources):
        self._loader = loader
        self._sources = sources

    def create_module(self, spec):
        return self._loader.create_module(spec)

    def exec_module(self, module):
        self._loader.exec_module(module)
        self._sources.give_all()
