'use strict';
const { inspect } = require('node:util');
const { findJsonProblem } = require('./json-value.cjs');

const MAX_TEXT = 100_000;
const MAX_JSON = 1024 * 1024;

/** Renders a value in all its forms, by MIME type. */
function bundleOf(value) {
  const bundle = { 'text/plain': plain(value) };
  try {
    if (findJsonProblem(value) === undefined && JSON.stringify(value).length <= MAX_JSON)
      bundle['application/json'] = value;
  } catch {
    // A getter of the value failed.
  }
  return bundle;
}

function plain(value) {
  let text;
  try {
    text = inspect(value, { maxStringLength: MAX_TEXT, maxArrayLength: 1000 });
  } catch {
    text = '<unprintable>';
  }
  return text.length <= MAX_TEXT
    ? text
    : `${text.slice(0, MAX_TEXT)}… (${text.length - MAX_TEXT} more characters)`;
}

module.exports = { bundleOf };
