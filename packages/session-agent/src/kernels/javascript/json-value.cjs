'use strict';

const MAX_DEPTH = 200;

/** What in `value` JSON cannot represent, and where; `undefined` if nothing. Changes by `toJSON` or JSON are no problem. */
function findJsonProblem(value, path = 'return_value', above = []) {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return undefined;
    case 'number':
      return Number.isFinite(value) ? undefined : `${path} is ${value}`;
    case 'object':
      break;
    default:
      return `${path} is a ${typeof value}`;
  }
  if (value === null) return undefined;
  if (above.includes(value)) return `${path} refers back to a value that contains it`;
  if (above.length === MAX_DEPTH) return `${path} is nested deeper than ${MAX_DEPTH} levels`;
  if (typeof value.toJSON === 'function') return undefined;
  return findInnerProblem(value, path, [...above, value]);
}

function findInnerProblem(value, path, above) {
  if (Array.isArray(value)) {
    for (const [index, inner] of value.entries()) {
      const problem = inner === undefined ? undefined : findJsonProblem(inner, `${path}[${index}]`, above);
      if (problem !== undefined) return problem;
    }
    return undefined;
  }
  const prototype = Object.getPrototypeOf(value);
  if (value instanceof Map || value instanceof Set) return `${path} is a ${value.constructor.name}`;
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer)
    return `${path} is a ${prototype.constructor.name}`;
  for (const [key, inner] of Object.entries(value)) {
    // JSON leaves out properties that are undefined.
    const problem =
      inner === undefined ? undefined : findJsonProblem(inner, `${path}.${key.slice(0, 64)}`, above);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

module.exports = { findJsonProblem };
