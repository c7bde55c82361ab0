/** Opens a place in the file system without its contents; see open(2). Node has no name for it. */
export const O_PATH = 0o10000000;
