"""Renders a value in all its forms, by MIME type."""

import base64
import json
import sys

MAX_TEXT = 100_000
MAX_BUNDLE = 8 * 1024 * 1024

METHODS = {
    '_repr_html_': 'text/html',
    '_repr_markdown_': 'text/markdown',
    '_repr_latex_': 'text/latex',
    '_repr_svg_': 'image/svg+xml',
    '_repr_png_': 'image/png',
    '_repr_jpeg_': 'image/jpeg',
    '_repr_json_': 'application/json',
}


def bundle_of(value):
    """JSON of the bundle of `value`, without the forms whose methods fail."""
    forms = {'text/plain': plain(value)}
    # A class has these methods for its instances, not for itself.
    if not isinstance(value, type):
        offer_forms(value, forms)
    return encode(forms)


def offer_forms(value, forms):
    offered = call(value, '_repr_mimebundle_')
    if isinstance(offered, tuple) and offered:
        offered = offered[0]
    if isinstance(offered, dict):
        forms.update((key, form) for key, form in offered.items() if isinstance(key, str))
    for method, mime in METHODS.items():
        if mime in forms:
            continue
        form = call(value, method)
        # Jupyter allows a pair of data and metadata.
        if isinstance(form, tuple) and form:
            form = form[0]
        if form is not None:
            forms[mime] = form


def call(value, method):
    try:
        function = getattr(value, method, None)
        return function() if callable(function) else None
    except Exception:
        return None


def plain(value):
    try:
        text = repr(value)
    except Exception as exception:
        text = f'<{type(value).__name__} whose repr raised {type(exception).__name__}>'
    if len(text) > MAX_TEXT:
        text = f'{text[:MAX_TEXT]}… ({len(text) - MAX_TEXT} more characters)'
    return text


def encode(forms):
    parts = []
    room = MAX_BUNDLE
    for mime, form in forms.items():
        if isinstance(form, (bytes, bytearray, memoryview)):
            form = base64.b64encode(form).decode()
        try:
            text = json.dumps(form, allow_nan=False)
        except Exception:
            continue
        room -= len(text)
        if room < 0:
            print(f'[result: {mime} is too large to show]', file=sys.stderr)
            room += len(text)
            continue
        parts.append(f'{json.dumps(mime)}:{text}')
    return '{' + ','.join(parts) + '}'


def figure_bundles():
    """Bundles of the open figures; closes them."""
    import io

    pyplot = sys.modules['matplotlib.pyplot']
    for number in pyplot.get_fignums():
        try:
            image = io.BytesIO()
            figure = pyplot.figure(number)
            figure.savefig(image, format='png', bbox_inches='tight')
            yield encode({'text/plain': plain(figure), 'image/png': image.getvalue()})
        except Exception as exception:
            print(f'[figure {number} cannot be drawn: {exception!r}]', file=sys.stderr)
        finally:
            pyplot.close(number)
