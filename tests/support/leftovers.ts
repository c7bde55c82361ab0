import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Everything that an ended data plane with this state directory has left on the host, one per line. */
export function leftoversOf(stateDirectory: string, instance: string): string[] {
  return [
    ...filesBelow(join(stateDirectory, 'instances')).map((path) => `file ${path}`),
    ...filesBelow(join(stateDirectory, 'ids')).map((path) => `id range ${path}`),
    ...mountsOf(stateDirectory).map((line) => `mount ${line}`),
    ...cgroupsOf(instance).map((path) => `cgroup ${path}`),
    ...hiddenDirectoriesOf(instance).map((path) => `directory below a mount ${path}`),
    ...processesOf(stateDirectory, instance).map((line) => `process ${line}`),
    ...workspaceImagesOf(instance),
  ];
}

function filesBelow(directory: string): string[] {
  return existsSync(directory) ? readdirSync(directory).map((name) => join(directory, name)) : [];
}

function mountsOf(stateDirectory: string): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line.includes(stateDirectory));
}

/** Directories of the instance in every hierarchy; `` stands for any instance. */
function cgroupsOf(instance: string): string[] {
  const root = '/sys/fs/cgroup';
  const hierarchies = [root, ...readdirSync(root).map((name) => join(root, name))];
  return hierarchies.map((path) => join(path, 'caisson', instance)).filter((path) => existsSync(path));
}

/** Directories of the instance below the mount point of the v2 hierarchy on a hybrid host. */
function hiddenDirectoriesOf(instance: string): string[] {
  const script = 'umount "$1" && ls -d "$1/caisson/$2" || true';
  const unified = '/sys/fs/cgroup/unified';
  if (!existsSync(join(unified, 'cgroup.controllers'))) return [];
  const found = execFileSync('unshare', ['--mount', 'sh', '-c', script, 'sh', unified, instance], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return found.split('\n').filter((line) => line !== '');
}

/** Processes in the instance's cgroup, or with its directory in their command line, one per line. */
export function processesOf(stateDirectory: string, instance: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
        const cgroups = readFileSync(`/proc/${pid}/cgroup`, 'utf8');
        return command.includes(stateDirectory) || cgroups.includes(`/caisson/${instance}`)
          ? [`${pid} ${command}`]
          : [];
      } catch {
        // It has ended in the meantime.
        return [];
      }
    });
}

/** Loop devices of the instance's workspaces, and the directory of their nameless images. */
function workspaceImagesOf(instance: string): string[] {
  const directory = join('/var/lib/caisson/workspaces', instance);
  const devices = readdirSync('/sys/block').flatMap((name) => {
    const path = `/sys/block/${name}/loop/backing_file`;
    return existsSync(path) ? [`loop device ${name} ${readFileSync(path, 'utf8').trim()}`] : [];
  });
  return [
    ...devices.filter((line) => line.includes(directory)),
    ...(existsSync(directory) ? [`images ${directory}`, ...filesBelow(directory)] : []),
  ];
}

/** Name of the only instance in the state directory. */
export function instanceOf(stateDirectory: string): string {
  const [name, ...others] = readdirSync(join(stateDirectory, 'instances'));
  if (name === undefined || others.length > 0)
    throw new Error(`not one instance: ${[name, ...others].join(', ')}`);
  return name;
}

/** Pid of the process that holds the mount namespace of the instance. */
export function helperPid(stateDirectory: string, instance: string): number {
  const line = processesOf(stateDirectory, instance).find((each) => each.includes('mount_namespace.py'));
  if (line === undefined) throw new Error('no process holds the mount namespace');
  return Number(line.split(' ')[0]);
}
