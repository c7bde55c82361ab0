import type { Compilable, CompiledQuery } from 'kysely';

/** Placeholder in a query for a value of each run. */
class Slot {
  readonly name: PropertyKey;

  constructor(name: PropertyKey) {
    this.name = name;
  }
}

/**
 * Compiles a query once, in the dialect of its database; the placeholders from `value` are filled in at each run. Building and
 * compiling a query with Kysely takes longer than running it on a small database.
 */
export function prepareQuery<Values extends object>(
  build: (value: <Name extends keyof Values>(name: Name) => Values[Name]) => Compilable,
): (values: Values) => CompiledQuery {
  // Kysely passes anything that is not an expression through as a parameter.
  const compiled = build((name) => new Slot(name) as never).compile();
  const { parameters } = compiled;
  return (values) => ({
    ...compiled,
    parameters: parameters.map((one) => (one instanceof Slot ? Reflect.get(values, one.name) : one)),
  });
}
