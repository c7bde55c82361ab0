/** Opens a path without access to its contents; see open(2). Node does not name this flag. */
export const O_PATH = 0o10000000;
