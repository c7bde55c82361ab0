/** What the command tells its user instead of doing what was asked: printed without a stack. */
export class CliFailure extends Error {
  override readonly name = 'CliFailure';
  /** What to do about it, each a line. */
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
