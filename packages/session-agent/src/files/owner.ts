/** Host ids that the sandbox's user maps to. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}
