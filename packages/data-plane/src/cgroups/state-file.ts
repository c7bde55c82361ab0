/** One file of a cgroup by which its state is read and changed. */
export interface StateFile {
  /** `undefined` once the cgroup is gone. */
  read(): string | undefined;
  /** Whether there is such a file that takes the value. */
  write(value: string): boolean;
}
