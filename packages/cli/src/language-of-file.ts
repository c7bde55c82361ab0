import { extname } from 'node:path';
import type { Language } from '@caisson/protocol/api';

const BY_EXTENSION: Readonly<Record<string, Language>> = {
  '.py': 'python',
  '.js': 'javascript',
  '.mjs': 'javascript',
  '.cjs': 'javascript',
  '.sh': 'shell',
};

const BY_INTERPRETER: readonly (readonly [RegExp, Language])[] = [
  [/^python[\d.]*$/, 'python'],
  [/^(node|nodejs)$/, 'javascript'],
  [/^(ba|da)?sh$/, 'shell'],
];

/** The language of a program by the extension of its file, else by its shebang; `undefined` if neither says. */
export function languageOf(path: string, code: string): Language | undefined {
  return BY_EXTENSION[extname(path).toLowerCase()] ?? languageOfShebang(code);
}

function languageOfShebang(code: string): Language | undefined {
  const command = /^#!\s*(\S+)(?:[ \t]+(?:-S[ \t]+)?(\S+))?/.exec(code.slice(0, 256));
  if (command === null) return undefined;
  const [, program = '', argument = ''] = command;
  const name = baseName(program) === 'env' ? baseName(argument) : baseName(program);
  return BY_INTERPRETER.find(([pattern]) => pattern.test(name))?.[1];
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
