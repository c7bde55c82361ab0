/** Read only when a program, its loader or its library starts; bash refuses to change some of them later. */
const AT_START =
  /^(?:LD_|NODE_|UV_|OPENSSL_|SSL_|MALLOC_|GLIBC_|LC_|BASH|SHELLOPTS$|POSIXLY_CORRECT$|E?UID$|PPID$|LANG|TZ)/;

/** Whether some of these variables have no effect on a kernel that already runs. */
export function needsFreshKernel(env: Readonly<Record<string, string>>): boolean {
  return Object.keys(env).some((name) => AT_START.test(name));
}
