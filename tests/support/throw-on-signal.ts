// Loaded into a server by `node --import` to trigger uncaught errors: an exception on SIGUSR2, a rejection on SIGPWR.
const rejections: Promise<never>[] = [];
process.on('SIGUSR2', () => {
  throw new Error('thrown by a test');
});
process.on('SIGPWR', () => {
  rejections.push(Promise.reject(new Error('rejected by a test')));
});
