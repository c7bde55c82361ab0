import type { Reservation } from '../node/reservations.ts';
import type { ForkServer, ForkServers } from './fork-server/fork-server.ts';

/** The same fork servers, each with the room that it takes until nothing is left of it; none is started without. */
export function reservedForkServers(
  servers: ForkServers,
  reserve: () => Reservation | undefined,
): ForkServers {
  return {
    start: async (preload, signal) => {
      using unlessUsed = new DisposableStack();
      const room = reserve();
      if (room === undefined) throw new Error('there is no room for a runner');
      unlessUsed.use(room);
      const server = await servers.start(preload, signal);
      unlessUsed.move();
      return withRoom(server, room);
    },
  };
}

function withRoom(server: ForkServer, room: Reservation): ForkServer {
  return {
    lost: server.lost,
    get freeSlots() {
      return server.freeSlots;
    },
    fork: async (spec) => server.fork(spec),
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]();
      room[Symbol.dispose]();
    },
  };
}
