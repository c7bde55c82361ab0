"""Checks whether JSON can represent a value."""

MAX_DEPTH = 200
# The largest number that readers of JSON can distinguish from infinity.
MAX_NUMBER = int(1.7976931348623157e308)


def check_json(value, path='return_value', depth=MAX_DEPTH):
    """Raises an error that says which value cannot be represented, and where it is."""
    if value is None or isinstance(value, (str, bool)):
        return
    if isinstance(value, float):
        if value != value or value in (float('inf'), float('-inf')):
            raise ValueError(f'handler returned what JSON cannot hold: {path} is {value!r}')
        return
    if isinstance(value, int):
        if abs(value) > MAX_NUMBER:
            raise ValueError(f'handler returned what JSON cannot hold: {path} is a number beyond 1.8e308')
        return
    if depth == 0:
        raise ValueError(f'handler returned a value that is nested deeper than {MAX_DEPTH} levels')
    if isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise TypeError(
                    f'handler returned what JSON cannot hold: a key of {path} is of type '
                    f'{type(key).__name__}, must be str'
                )
            check_json(inner, f'{path}[{key[:64]!r}]', depth - 1)
    elif isinstance(value, (list, tuple)):
        for index, inner in enumerate(value):
            check_json(inner, f'{path}[{index}]', depth - 1)
    else:
        raise TypeError(
            f'handler returned what JSON cannot hold: {path} is of type {type(value).__name__}'
        )
