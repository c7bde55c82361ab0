import { Command, Option } from 'commander';
import { parseCount, parseEnv, parseJson, parsePort, parseSeconds } from './arguments.ts';
import type { CreateOptions, ServerOptions } from './commands/sessions.ts';
import type { ServeOptions } from './commands/serve.ts';
import type { StepOptions } from './commands/step-request.ts';
import type { Context } from './context.ts';

const KEY_FILE = ['--key-file <path>', 'file with the API key; else CAISSON_API_KEY'] as const;

/**
 * The command line. Each command's code is loaded when it is called, so that `--help` is quick.
 * @param finish takes the exit code of the command that was called
 */
export function buildProgram(context: Context, version: string, finish: (exitCode: number) => void): Command {
  const program = new Command('caisson')
    .description('Runs untrusted code in isolated sandboxes')
    .version(version)
    .showHelpAfterError('(caisson --help tells more)')
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
    .description('serve the API')
    .option('--port <port>', 'port to listen on; 0 takes a free one', parsePort, 8000)
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--data-dir <dir>', 'database and admin key; default: caisson in XDG_DATA_HOME')
    .addOption(
      new Option('--runtime <name>', 'what makes sandboxes')
        .choices(['auto', 'crun', 'runc'])
        .default('auto'),
    )
    .action(async (options: ServeOptions) => {
      finish(await (await import('./commands/serve.ts')).serve(context, options));
    });
}

function addRun(program: Command, context: Context, finish: Finish): void {
  const command = program
    .command('run <file>')
    .description('run a file, or "-" for standard input, in a fresh sandbox; exits as the code does')
    .option(...KEY_FILE);
  addStepOptions(command).action(async (file: string, options: StepOptions & ServerOptions) => {
    finish(await (await import('./commands/run.ts')).run(context, file, options));
  });
}

function addDoctor(program: Command, context: Context, finish: Finish): void {
  program
    .command('doctor')
    .description('say which runtimes work on this host, and what the others lack')
    .option('--json', 'print as JSON', false)
    .action(async (options: { json: boolean }) => {
      finish(await (await import('./commands/doctor.ts')).doctor(context, options));
    });
}

function addSessions(program: Command, context: Context, finish: Finish): void {
  const load = async () => import('./commands/sessions.ts');
  const sessions = program
    .command('sessions')
    .description('sessions of the server at CAISSON_URL; default: http://127.0.0.1:8000');
  sessions
    .command('ls')
    .description('list sessions, newest first')
    .option(...KEY_FILE)
    .addOption(
      new Option('--status <status>', 'only these').choices(['creating', 'running', 'paused', 'terminated']),
    )
    .option('--limit <count>', 'at most so many', parseCount, 100)
    .option('--json', 'print as JSON', false)
    .action(async (options: Parameters<Awaited<ReturnType<typeof load>>['listSessions']>[1]) => {
      finish(await (await load()).listSessions(context, options));
    });
  sessions
    .command('create')
    .description('make a session and print its id')
    .option(...KEY_FILE)
    .option('--template <id>', 'environment', 'python')
    .option('--timeout <seconds>', 'how long it lives', parseSeconds)
    .option('--idle-timeout <seconds>', 'end it after so long without a call', parseSeconds)
    .option('--cpu <cores>', 'such as 0.5')
    .option('--memory <bytes>', 'such as 512Mi')
    .option('--disk <bytes>', 'size of the workspace, such as 1Gi')
    .option('--env <NAME=VALUE>', 'environment variable; can be given again', parseEnv)
    .option('--json', 'print as JSON', false)
    .action(async (options: CreateOptions) => {
      finish(await (await load()).createSession(context, options));
    });
  const execute = sessions
    .command('exec <session> <file>')
    .description('run a file, or "-" for standard input, as a step of a session')
    .option(...KEY_FILE);
  addStepOptions(execute).action(async (id: string, file: string, options: StepOptions & ServerOptions) => {
    finish(await (await load()).executeInSession(context, id, file, options));
  });
  sessions
    .command('rm <sessions...>')
    .description('end sessions and delete their workspaces')
    .option(...KEY_FILE)
    .action(async (ids: string[], options: ServerOptions) => {
      finish(await (await load()).removeSessions(context, ids, options));
    });
}

function addStepOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--language <name>', 'default: told by the file').choices(['python', 'javascript', 'shell']),
    )
    .option('--timeout <seconds>', 'stop the code after so long', parseSeconds)
    .option('--env <NAME=VALUE>', 'environment variable; can be given again', parseEnv)
    .option('--event <json>', 'what the handler is given', parseJson)
    .option('--stdin', 'give our standard input to the code', false)
    .option('--json', 'print the whole result as JSON when it is there', false)
    .option('--verbose', 'tell where it ran and how long it took', false);
}
