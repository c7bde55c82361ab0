/** A file that reads and changes the state of a cgroup. */
export interface StateFile {
  /** `undefined` once the cgroup is gone. */
  read(): string | undefined;
  /** Returns whether the file exists and accepts the value. */
  write(value: string): boolean;
}
