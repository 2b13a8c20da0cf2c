import { environment } from '../config.ts';

const HELP = `Usage: npm start                       starts the service
       npm run -s token -- USER_ID     prints a token for the development service
       npm run chat -- --as USER_ID --with USER_ID
                                       chats in the terminal
       npm run migrate                 brings a real database's schema up to date
       npm run scylla -- migrate | validate | status
                                       copies rooms to Scylla, compares, tells how far it is
       npm run doctor                  tells what the service would run with, and whether it can
       npm run trace -- MESSAGE_ID     tells where a message is: stored, published, delivered, read

Each command says more with --help. Settings come from the environment: see README.md.`;

/** A command: its arguments to its exit code. Loaded when asked for, so that small commands start fast. */
const COMMANDS: Readonly<Record<string, Command>> = {
  serve: async (argv, env) => await (await import('./serve.ts')).runServe(argv, env),
  token: async (argv, env) => await (await import('./token.ts')).runToken(argv, env),
  chat: async (argv, env) => await (await import('./chat.ts')).runChat(argv, env),
  migrate: async (argv, env) => await (await import('./migrate.ts')).runMigrate(argv, env),
  scylla: async (argv, env) => await (await import('./scylla.ts')).runScylla(argv, env),
  doctor: async (argv, env) => await (await import('./doctor.ts')).runDoctor(argv, env),
  trace: async (argv, env) => await (await import('./trace.ts')).runTrace(argv, env),
};

/** Runs the command that the arguments name, `serve` when they name none, and answers the exit code. */
export async function run(argv: readonly string[], env: NodeJS.ProcessEnv = environment()): Promise<number> {
  const [first = 'serve', ...rest] = argv;
  if (first === 'help' || first === '--help' || first === '-h') {
    console.log(HELP);
    return 0;
  }
  if (first.startsWith('-')) return await serve(argv, env);
  const command = Object.hasOwn(COMMANDS, first) ? COMMANDS[first] : undefined;
  if (command !== undefined) return await command(rest, env);
  console.error(`There is no command "${first}".\n\n${HELP}`);
  return 2;
}

type Command = (argv: readonly string[], env: NodeJS.ProcessEnv) => Promise<number>;

/** Options without a command are the service's. */
async function serve(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  return (await COMMANDS.serve?.(argv, env)) ?? 2;
}
