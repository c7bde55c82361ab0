import { totalmem } from 'node:os';
import { hostLimitProblems, readHostLimits } from '../../../limits/host-limits.ts';
import { BUILT_IN_TEMPLATES } from '../../../templates/templates.ts';
import { needsNamespaceOfRoot } from '../container/container.ts';
import { TERMINALS } from '../config/container-config.ts';
import { INOTIFY_INSTANCES } from '../config/namespace-limits.ts';
import type { OciRuntimeName } from '../oci-runtime-name.ts';
import { OPEN_FILES } from '../config/process-config.ts';

/** What weakens the walls of sandboxes on this host, though they can be made, each as what to do about it. */
export function hostProblems(runtime: OciRuntimeName): string[] {
  const [sandboxes, pids] = [
    plannedSandboxes(),
    Math.max(...BUILT_IN_TEMPLATES.map(({ resources }) => resources.pids)),
  ];
  // The first process of a sandbox counts too.
  const processes = pids + 1;
  const share = {
    processes,
    files: processes * OPEN_FILES,
    terminals: TERMINALS,
    inotifyInstances: INOTIFY_INSTANCES,
  };
  return [
    ...hostLimitProblems(readHostLimits(), sandboxes, share),
    ...(needsNamespaceOfRoot(runtime)
      ? [
          'runc needs CAP_SYS_RESOURCE to keep apart what the kernel counts by user (inotify, queued signals): ' +
            'without it sandboxes share with root; give the server that capability, or use crun',
        ]
      : []),
  ];
}

/** As many of the templates' default size as the memory holds. */
function plannedSandboxes(): number {
  const smallest = Math.min(...BUILT_IN_TEMPLATES.map(({ resources }) => resources.memoryBytes));
  return Math.max(1, Math.floor(totalmem() / smallest));
}
