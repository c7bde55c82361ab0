import { type JsonValue, type Language, LANGUAGES } from '@caisson/protocol/api';
import type { Context } from '../context.ts';
import { CliFailure } from '../failure.ts';
import { languageOf } from '../language-of-file.ts';
import { readSource } from '../read-source.ts';

/** Options of all commands that run code. */
export interface StepOptions {
  readonly language?: Language;
  /** Seconds. */
  readonly timeout?: number;
  readonly env?: Record<string, string>;
  readonly event?: JsonValue;
  readonly stdin: boolean;
  readonly json: boolean;
  readonly verbose: boolean;
}

/** The body of the request for a file. @throws CliFailure if the file cannot be read or its language is unknown */
export async function readStep(file: string, options: StepOptions, { stdin }: Pick<Context, 'stdin'>) {
  if (file === '-' && options.stdin) {
    throw new CliFailure('standard input cannot be both the code and its input', {
      suggestions: ['Pass the code as a file, or omit --stdin.'],
    });
  }
  const code = await readSource(file, stdin);
  const language = options.language ?? languageOf(file, code);
  if (language === undefined) {
    throw new CliFailure(`cannot infer the language of ${file === '-' ? 'standard input' : `"${file}"`}`, {
      suggestions: [`Specify it with --language ${LANGUAGES.join('|')}.`],
    });
  }
  return {
    code,
    language,
    timeout: options.timeout,
    env_vars: options.env,
    event: options.event,
    stdin: options.stdin ? await readSource('-', stdin) : undefined,
  };
}
