import type { SharedHost } from './host-watch.ts';

/** Several hosts as one: it is broken as soon as one of them is. Problems are told in the order of `hosts`. */
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
