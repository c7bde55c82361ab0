/** What one plane asks of the next, and the forms in which file names and JSON pass between them. It needs Node. */
export * from './json/json-member.ts';
export * from './json/json-scanner.ts';
export * from './json/json-text.ts';
export * from './paths/file-names.ts';
export * from './ports/agent.ts';
export * from './ports/cancellation.ts';
export * from './ports/data-plane.ts';
export * from './ports/processes.ts';
export * from './ports/step-outcome.ts';
