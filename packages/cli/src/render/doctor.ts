import type { RuntimeHealth } from '@caisson/protocol/ports';
import { printable } from './printable.ts';

/** Which runtimes work on this host, and how to make the others work. */
export function renderDoctor(runtimes: readonly RuntimeHealth[]): string {
  const lines = runtimes.flatMap((runtime) => [headline(runtime), ...runtime.problems.map(problemLine)]);
  const works = runtimes.some(({ available }) => available);
  const verdict = works ? 'This host can run code in sandboxes.' : 'This host cannot create sandboxes yet.';
  return [...lines, '', verdict].map((line) => `${line}\n`).join('');
}

function headline({ name, version, available, chosen, isolation }: RuntimeHealth): string {
  const state = available ? (chosen ? 'works (in use)' : 'works') : 'does not work';
  return `${available ? '✓' : '✗'} ${name}${version === null ? '' : ` ${printable(version)}`} (${isolation}): ${state}`;
}

function problemLine(problem: string): string {
  return `    ${printable(problem)}`;
}
