const PYTHON = '/usr/bin/python3';

export const PRINT_CODE = 'print(1)';
export const PANDAS_CODE = 'import pandas; print(1)';

export function bare(code: string): string[] {
  return [PYTHON, '-c', code];
}

/** New namespaces of every kind and the host's /usr: a minimal sandbox. */
export function bwrap(code: string): string[] {
  const links = ['bin', 'sbin', 'lib', 'lib64'].flatMap((name) => ['--symlink', `usr/${name}`, `/${name}`]);
  return [
    ...['/usr/bin/bwrap', '--unshare-all', '--ro-bind', '/usr', '/usr', ...links],
    ...['--proc', '/proc', '--dev', '/dev', ...bare(code)],
  ];
}
