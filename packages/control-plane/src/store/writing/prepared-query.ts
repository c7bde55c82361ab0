import type { Compilable, CompiledQuery } from 'kysely';

/** Stands in a query for a value that each run gives. */
class Slot {
  readonly name: PropertyKey;

  constructor(name: PropertyKey) {
    this.name = name;
  }
}

/**
 * Compiles a query once, in the words of its database; what `value` stands for is filled in at each run. To build and
 * compile a query anew costs Kysely more than a small database needs to run it.
 */
export function prepareQuery<Values extends object>(
  build: (value: <Name extends keyof Values>(name: Name) => Values[Name]) => Compilable,
): (values: Values) => CompiledQuery {
  // Kysely passes on whatever is no expression as a parameter, unseen.
  const compiled = build((name) => new Slot(name) as never).compile();
  const { parameters } = compiled;
  return (values) => ({
    ...compiled,
    parameters: parameters.map((one) => (one instanceof Slot ? Reflect.get(values, one.name) : one)),
  });
}
