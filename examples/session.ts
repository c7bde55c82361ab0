// A session from TypeScript: CAISSON_URL and CAISSON_API_KEY say which server, and with which key.
import { CaissonClient } from '@caisson/sdk';

const caisson = new CaissonClient({
  url: process.env.CAISSON_URL ?? 'http://127.0.0.1:8000',
  apiKey: process.env.CAISSON_API_KEY,
});

const session = await caisson.sessions.create({ template_id: 'python' });
try {
  await caisson.files.write(session.session_id, 'numbers.txt', '1 2 3');
  await caisson.sessions.execute(session.session_id, {
    code: 'numbers = [int(word) for word in open("numbers.txt").read().split()]',
  });
  const { events } = await caisson.sessions.stream(session.session_id, { code: 'print(sum(numbers))' });
  for await (const event of events) {
    if (event.type === 'stdout') process.stdout.write(event.text);
  }
} finally {
  await caisson.sessions.terminate(session.session_id);
}
