import type { SharedHost } from './host-watch.ts';

/** Several hosts as one, which fails as soon as one of them does. The first problem, in the order of `hosts`, is reported. */
export function joinHosts(
  instance: Pick<SharedHost, 'problem' | 'ended'>,
  hosts: readonly SharedHost[],
): SharedHost {
  const all = [instance, ...hosts];
  return {
    problem: () => {
      for (const host of all) {
        const problem = host.problem();
        if (problem !== undefined) return problem;
      }
      return undefined;
    },
    ended: Promise.race(all.map(async ({ ended }) => ended)),
    killAll: async (signal) => {
      await Promise.all(hosts.map(async (host) => host.killAll(signal)));
    },
  };
}
