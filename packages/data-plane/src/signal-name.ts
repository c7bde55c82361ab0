import { constants } from 'node:os';

const NAMES = new Map(
  Object.entries(constants.signals).map(([name, number]) => [number, name as NodeJS.Signals]),
);

/** Name of a signal of this host; `undefined` for an unknown number. */
export function signalName(number: number): NodeJS.Signals | undefined {
  return NAMES.get(number);
}
