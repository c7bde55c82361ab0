import { RUNTIMES } from '@caisson/protocol/api';
import { Command, Option } from 'commander';
import { parseCount, parseEnv, parseJson, parsePort, parseSeconds } from './arguments.ts';
import type { CreateOptions, ServerOptions } from './commands/sessions.ts';
import type { ServeOptions } from './commands/serve.ts';
import type { StepOptions } from './commands/step-request.ts';
import type { Context } from './context.ts';

const KEY_FILE = ['--key-file <path>', 'file with the API key (default: CAISSON_API_KEY)'] as const;

/**
 * The command line. The code of a command is loaded when the command is called, which keeps `--help` fast.
 * @param finish receives the exit code of the command
 */
export function buildProgram(context: Context, version: string, finish: (exitCode: number) => void): Command {
  const program = new Command('caisson')
    .description('Run untrusted code in isolated sandboxes')
    .version(version)
    .showHelpAfterError('(run "caisson --help" for usage)')
    .configureOutput({
      writeOut: (text) => context.stdout.write(text),
      writeErr: (text) => context.stderr.write(text.replace(/^error: /, 'caisson: ')),
    })
    .exitOverride();
  addServe(program, context, finish);
  addRun(program, context, finish);
  addDoctor(program, context, finish);
  addSessions(program, context, finish);
  return program;
}

type Finish = (exitCode: number) => void;

function addServe(program: Command, context: Context, finish: Finish): void {
  program
    .command('serve')
    .description('start the API server')
    .option('--port <port>', 'port to listen on; 0 for any free port', parsePort, 8000)
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option(
      '--data-dir <dir>',
      'directory for the database and the admin key (default: caisson in XDG_DATA_HOME)',
    )
    .addOption(
      new Option('--runtime <name>', 'container runtime').choices(['auto', ...RUNTIMES]).default('auto'),
    )
    .action(async (options: ServeOptions) => {
      finish(await (await import('./commands/serve.ts')).serve(context, options));
    });
}

function addRun(program: Command, context: Context, finish: Finish): void {
  const command = program
    .command('run <file>')
    .description('run a file, or "-" for standard input, in a fresh sandbox and exit with its exit code')
    .option(...KEY_FILE);
  addStepOptions(command).action(async (file: string, options: StepOptions & ServerOptions) => {
    finish(await (await import('./commands/run.ts')).run(context, file, options));
  });
}

function addDoctor(program: Command, context: Context, finish: Finish): void {
  program
    .command('doctor')
    .description('check which runtimes work on this host and what is missing for the others')
    .option('--json', 'output JSON', false)
    .action(async (options: { json: boolean }) => {
      finish(await (await import('./commands/doctor.ts')).doctor(context, options));
    });
}

function addSessions(program: Command, context: Context, finish: Finish): void {
  const load = async () => import('./commands/sessions.ts');
  const sessions = program
    .command('sessions')
    .description('manage sessions on the server at CAISSON_URL (default: http://127.0.0.1:8000)');
  sessions
    .command('ls')
    .description('list sessions, newest first')
    .option(...KEY_FILE)
    .addOption(
      new Option('--status <status>', 'list only sessions with this status').choices([
        'creating',
        'running',
        'paused',
        'terminated',
      ]),
    )
    .option('--limit <count>', 'maximum number of sessions', parseCount, 100)
    .option('--json', 'output JSON', false)
    .action(async (options: Parameters<Awaited<ReturnType<typeof load>>['listSessions']>[1]) => {
      finish(await (await load()).listSessions(context, options));
    });
  sessions
    .command('create')
    .description('create a session and print its ID')
    .option(...KEY_FILE)
    .option('--template <id>', 'template of the environment', 'python')
    .option('--timeout <seconds>', 'lifetime of the session', parseSeconds)
    .option(
      '--idle-timeout <seconds>',
      'terminate the session after this long without a request',
      parseSeconds,
    )
    .option('--cpu <cores>', 'CPU cores, such as 0.5')
    .option('--memory <bytes>', 'memory limit, such as 512Mi')
    .option('--disk <bytes>', 'size of the workspace, such as 1Gi')
    .option('--env <NAME=VALUE>', 'environment variable; can be repeated', parseEnv)
    .option('--json', 'output JSON', false)
    .action(async (options: CreateOptions) => {
      finish(await (await load()).createSession(context, options));
    });
  const execute = sessions
    .command('exec <session> <file>')
    .description('run a file, or "-" for standard input, in a session')
    .option(...KEY_FILE);
  addStepOptions(execute).action(async (id: string, file: string, options: StepOptions & ServerOptions) => {
    finish(await (await load()).executeInSession(context, id, file, options));
  });
  sessions
    .command('rm <sessions...>')
    .description('terminate sessions and delete their workspaces')
    .option(...KEY_FILE)
    .action(async (ids: string[], options: ServerOptions) => {
      finish(await (await load()).removeSessions(context, ids, options));
    });
}

function addStepOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--language <name>', 'language of the code (default: inferred from the file)').choices([
        'python',
        'javascript',
        'shell',
      ]),
    )
    .option('--timeout <seconds>', 'time limit of the code', parseSeconds)
    .option('--env <NAME=VALUE>', 'environment variable; can be repeated', parseEnv)
    .option('--event <json>', 'event for the handler, as JSON', parseJson)
    .option('--stdin', 'pass standard input to the code', false)
    .option('--json', 'output the complete result as JSON at the end', false)
    .option('--verbose', 'show where the code ran and how long it took', false);
}
