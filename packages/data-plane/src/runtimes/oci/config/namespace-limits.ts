/** What may be made in a user namespace, by the files of `/proc/sys/user`. */
export type NamespaceLimits = Readonly<Record<string, number>>;

/** Refused to all: only some kernels allow it at all. */
const NO_FANOTIFY = { max_fanotify_groups: 0, max_fanotify_marks: 0 };

/** No namespaces beyond those that the runtime makes; inotify for tools that watch files. */
export const SANDBOX_NAMESPACE_LIMITS: NamespaceLimits = {
  ...NO_FANOTIFY,
  max_inotify_instances: 32,
  max_inotify_watches: 8192,
  max_user_namespaces: 0,
  max_time_namespaces: 0,
  ...Object.fromEntries(
    ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'uts'].map((kind) => [`max_${kind}_namespaces`, 1]),
  ),
};

/** Of each cell: the kernel counts by the user of a namespace, and each cell has one of its own. */
const PER_CELL = { max_inotify_instances: 4, max_inotify_watches: 4096 };

export const RUNNER_NAMESPACE_LIMITS: NamespaceLimits = { ...NO_FANOTIFY, ...PER_CELL };

/** Cells of one runner at the same time, ready ones included. */
export const SLOT_COUNT = 32;

/** The most that the kernel counts for the user of one sandbox or runner. */
export const INOTIFY_INSTANCES = SLOT_COUNT * PER_CELL.max_inotify_instances;
