/** Lays out cells in columns: the first and those named in `left` to the left, all others to the right. */
export function formatTable(
  columns: readonly string[],
  rows: readonly (readonly string[])[],
  left: readonly string[] = [],
): string {
  const widths = columns.map((title, index) =>
    Math.max(title.length, ...rows.map((row) => (row[index] ?? '').length)),
  );
  const line = (cells: readonly string[]): string =>
    columns
      .map((title, index) => {
        const [cell, width] = [cells[index] ?? '', widths[index] ?? 0];
        return index === 0 || left.includes(title) ? cell.padEnd(width) : cell.padStart(width);
      })
      .join('  ')
      .trimEnd();
  const rule = widths.map((width) => '─'.repeat(width));
  return [line(columns), line(rule), ...rows.map(line)].join('\n');
}

/** Three significant digits, so that 0.153 and 1530 can both be read; a dash for what was not measured. */
export function formatNumber(value: number | undefined): string {
  if (value === undefined || Number.isNaN(value)) return '–';
  if (value === 0 || Math.abs(value) >= 100) return value.toFixed(0);
  if (Math.abs(value) >= 10) return value.toFixed(1);
  return value.toFixed(Math.abs(value) >= 1 ? 2 : 3);
}
