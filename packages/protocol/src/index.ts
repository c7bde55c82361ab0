/** Both entry points in one. New code imports the one that it means. */
export * from './api.ts';
export * from './ports.ts';
