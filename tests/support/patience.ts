/** How many times longer than usual tests wait; the emulated machine of `scripts/test-on-other-cgroups.sh` sets it. */
const FACTOR = Number(process.env['CAISSON_TEST_PATIENCE'] ?? 1);

/** How long a test waits for what takes up to `ms` on a machine of usual speed. */
export function patience(ms: number): number {
  return ms * FACTOR;
}
