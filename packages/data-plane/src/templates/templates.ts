import type { Resources, Template } from '@caisson/protocol/ports';

const MIB = 2 ** 20;

const RESOURCES: Resources = { cpuMillicores: 1000, memoryBytes: 512 * MIB, diskBytes: 256 * MIB, pids: 128 };

/** How many sandboxes of a template's default size are ready before the first request. */
export const WARM_SANDBOXES: Readonly<Record<string, number>> = { python: 2, node: 2, shell: 1 };

/** Templates that need no download: their root is the host's `/usr`. */
export const BUILT_IN_TEMPLATES: readonly Template[] = [
  {
    id: 'python',
    description:
      "The host's Python 3 with its standard library and the packages of /usr/lib/python3, and a shell",
    languages: ['python', 'shell'],
    resources: RESOURCES,
  },
  {
    id: 'node',
    description: 'The Node.js that Caisson itself runs on, and a shell',
    languages: ['javascript', 'shell'],
    resources: RESOURCES,
  },
  {
    id: 'shell',
    description: "bash and the programs of the host's /usr",
    languages: ['shell'],
    resources: RESOURCES,
  },
];
