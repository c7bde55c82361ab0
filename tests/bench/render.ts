import type { Row } from './row.ts';
import type { SectionReport } from './run-sections.ts';
import { formatNumber, formatTable } from './table.ts';
import type { Evaluated } from './targets.ts';

const COLUMNS = [
  'measure',
  'n',
  'p50',
  'p95',
  'p99',
  'min',
  'max',
  'unit',
  'per s',
  'ratio',
  'of rounds',
  'to',
];
const LEFT = ['unit', 'to', 'failed', 'note'];

export function renderSection({ title, rows, error, tookMs }: SectionReport): string {
  const seconds = `(${(tookMs / 1000).toFixed(0)} s)`;
  if (error !== undefined) return `\n${title} ${seconds}\nCOULD NOT BE MEASURED: ${error}\n`;
  return `\n${title} ${seconds}\n\n${formatTable([...COLUMNS, 'failed', 'note'], rows.map(cellsOf), LEFT)}\n`;
}

function cellsOf({ measure, unit, summary, perSecond, ratio, failures, note }: Row): string[] {
  const { count, p50, p95, p99, min, max } = summary ?? {};
  return [
    measure,
    count === undefined ? '' : String(count),
    ...[p50, p95, p99, min, max].map((value) => (value === undefined ? '' : formatNumber(value))),
    unit,
    perSecond === undefined ? '' : formatNumber(perSecond),
    ratio === undefined ? '' : `${formatNumber(ratio.value)} ×`,
    ratio === undefined ? '' : `${formatNumber(ratio.min)}–${formatNumber(ratio.max)}`,
    ratio?.to ?? '',
    failures === undefined ? '' : String(failures),
    note ?? '',
  ];
}

export function renderTargets(targets: readonly Evaluated[]): string {
  const rows = targets.map(({ name, value, unit, bound, limit, verdict, from }) => [
    name,
    value === undefined ? '–' : `${formatNumber(value)} ${unit}`.trimEnd(),
    `${bound === 'at most' ? '≤' : '≥'} ${limit} ${unit}`.trimEnd(),
    verdict,
    from,
  ]);
  const columns = ['target', 'figure', 'limit', 'verdict', 'taken from'];
  return `\nTargets (goals, not promises)\n\n${formatTable(columns, rows, ['verdict', 'taken from'])}\n`;
}
