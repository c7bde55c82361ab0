/** An error for the user of the command: printed without a stack. */
export class CliFailure extends Error {
  override readonly name = 'CliFailure';
  /** How to solve the problem, one line each. */
  readonly suggestions: readonly string[];
  readonly exitCode: number;

  constructor(
    message: string,
    options: { suggestions?: readonly string[]; exitCode?: number; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.suggestions = options.suggestions ?? [];
    this.exitCode = options.exitCode ?? 1;
  }
}
