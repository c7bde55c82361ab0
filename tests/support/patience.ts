/** Factor by which tests wait longer than usual; set on the emulated machine of `scripts/test-on-other-cgroups.sh`. */
const FACTOR = Number(process.env['CAISSON_TEST_PATIENCE'] ?? 1);

/** How long a test waits for something that takes up to `ms` on a machine of normal speed. */
export function patience(ms: number): number {
  return ms * FACTOR;
}
