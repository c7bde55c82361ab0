/** Read once, when a program, its loader or its library starts; in bash some cannot be set at all later. */
const AT_START =
  /^(?:LD_|NODE_|UV_|OPENSSL_|SSL_|MALLOC_|GLIBC_|LC_|BASH|SHELLOPTS$|POSIXLY_CORRECT$|E?UID$|PPID$|LANG|TZ)/;

/** Whether a kernel that already runs cannot be given these variables any more, as if it had started with them. */
export function needsFreshKernel(env: Readonly<Record<string, string>>): boolean {
  return Object.keys(env).some((name) => AT_START.test(name));
}
