import type { Isolation, RuntimeName } from '@caisson/protocol/api';
import type { RuntimeHealth } from '@caisson/protocol/ports';
import type { ForkServers } from '../cells/fork-server/fork-server.ts';
import { FakeRuntime } from '../pool/fake-runtime.testing.ts';
import { unavailable } from './runtime-family.ts';
import type { OpenFamily, RuntimeChoice, RuntimeFamily } from './runtime-family.ts';

/** A family of one runtime without containers. With a problem it works on no host. */
export class FakeFamily implements RuntimeFamily {
  readonly isolation: Isolation;
  readonly names: readonly [RuntimeName];
  readonly runtime = new FakeRuntime();
  readonly choices: RuntimeChoice[] = [];
  /** How many of its open ones were disposed, and what it was asked to kill. */
  disposed = 0;
  kills = 0;
  /** Something that all its sandboxes share is gone. */
  brokenBy: string | undefined;
  readonly #problem: string | undefined;
  readonly #forkServers: ForkServers | undefined;

  /** Names that the protocol does not have yet are as good as any here. */
  constructor(
    name: string,
    options: {
      readonly isolation?: string;
      readonly problem?: string;
      readonly forkServers?: ForkServers;
    } = {},
  ) {
    const { isolation = 'container', problem, forkServers } = options;
    this.names = [name as RuntimeName];
    this.isolation = isolation as Isolation;
    this.#problem = problem;
    this.#forkServers = forkServers;
  }

  async open(_host: unknown, choice: RuntimeChoice): Promise<OpenFamily> {
    this.choices.push(choice);
    const health: RuntimeHealth[] =
      this.#problem === undefined
        ? [
            {
              name: this.names[0],
              isolation: this.isolation,
              version: '1.0',
              available: true,
              chosen: true,
              problems: [],
            },
          ]
        : unavailable(this, [this.#problem]);
    const { isolation, runtime } = this;
    const [name] = this.names;
    const create = runtime.create.bind(runtime);
    return Promise.resolve({
      health,
      working:
        this.#problem === undefined
          ? {
              runtime: { name, isolation, create },
              forkServers: this.#forkServers,
              diskDirectory: undefined,
              shared: {
                problem: () => this.brokenBy,
                ended: new Promise<void>(() => undefined),
                killAll: async () => {
                  this.kills += 1;
                  return Promise.resolve();
                },
              },
            }
          : undefined,
      [Symbol.asyncDispose]: async () => {
        this.disposed += 1;
        return Promise.resolve();
      },
    });
  }
}
