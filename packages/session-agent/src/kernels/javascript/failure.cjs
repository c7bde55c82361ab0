'use strict';
const { inspect } = require('node:util');

const MAX_MESSAGE = 16 * 1024;
const MAX_FRAMES = 100;
const MAX_NAME = 256;
/** For all lines together: in JSON, a character takes at most six bytes, and a frame at most a mebibyte. */
const MAX_TRACEBACK = 128 * 1024;

/** Name, message and traceback of a thrown value; never throws. */
function describeError({ error, position, file }) {
  try {
    if (!(error instanceof Error))
      return { name: 'Error', message: cut(inspect(error)), traceback: [`Uncaught ${cut(inspect(error))}`] };
    const lines = callersLines(String(error.stack));
    if (error instanceof SyntaxError && position !== undefined && lines.every((line) => !isFrame(line))) {
      lines.push(`    at ${file}:${position.line}:${position.column}`);
    }
    return {
      name: String(error.name).slice(0, MAX_NAME),
      message: cut(String(error.message)),
      traceback: lines,
    };
  } catch {
    return { name: 'Error', message: '<unprintable>', traceback: [] };
  }
}

/** Leaves out frames of the kernel and of Node. */
function callersLines(stack) {
  const all = stack.slice(0, MAX_FRAMES * MAX_MESSAGE).split('\n');
  const start = all.findIndex((line) => line.startsWith('    at Session.post (node:inspector'));
  const lines = start === -1 ? all : all.slice(0, start);
  let room = MAX_TRACEBACK;
  return lines
    .filter((line) => !isFrame(line) || isCallers(line))
    .slice(0, MAX_FRAMES)
    .map(cut)
    .filter((line) => (room -= line.length) >= 0);
}

const isFrame = (line) => /^ {4}at /.test(line);
const isCallers = (line) =>
  !line.includes('node:') && !line.includes(__dirname) && !line.includes('evalmachine.');

function cut(text) {
  return text.length <= MAX_MESSAGE ? text : `${text.slice(0, MAX_MESSAGE)}…`;
}

module.exports = { describeError };
