/** Python code that prints each non-empty file and directory of /proc that reveals the host or other tenants. */
export const MASKED_PROC = `
import os
names = '''acpi buddyinfo bus cgroups cmdline diskstats fs interrupts irq kallsyms kcore keys kmsg locks modules pagetypeinfo partitions
pressure schedstat slabinfo softirqs sys/fs sys/kernel/pty sys/kernel/random/boot_id timer_list vmallocinfo vmstat zoneinfo'''.split()
for name in names:
    path = '/proc/' + name
    try:
        found = os.listdir(path) if os.path.isdir(path) else open(path, 'rb').read(100)
    except OSError:
        continue
    if found:
        print(name, found)
`;

/** Python code that prints the lowest oom_score_adj it can set for itself. */
export const LOWEST_OOM_SCORE_ADJ = `
for score in range(-1000, 1001):
    try:
        with open('/proc/self/oom_score_adj', 'w') as file:
            file.write(str(score))
        break
    except PermissionError:
        pass
print(open('/proc/self/oom_score_adj').read())
`;
