import type { CommandDescriptor } from '../descriptor.ts';
import { FILE_OPTION, JSON_OPTION } from './options.ts';

/** `dev` */
export const DEV = {
  name: 'dev',
  summary: 'starts a service to develop with; nothing has to be configured',
  usage: ['[--port PORT] [--memory] [--open] [--watch] [--reset [--yes]]'],
  details: `Like serve, with what is embedded in place of what is not set, and a page of hints at the start. Not with MODE=PROD.`,
  options: {
    port: {
      type: 'string',
      value: 'PORT',
      text: 'on 127.0.0.1, 0 picks a free one (default: SERVER_ADDRESS, or 8080)',
    },
    memory: { type: 'boolean', text: 'keep nothing, begin with demo data each time (DATA_DIR=memory:)' },
    open: { type: 'boolean', text: 'open the web chat in a browser when the service is ready' },
    watch: { type: 'boolean', text: 'start again whenever a source file changes' },
    reset: { type: 'boolean', text: 'remove DATA_DIR first: users, rooms, messages, secrets' },
    yes: { type: 'boolean', short: 'y', text: 'with --reset: do not ask' },
    ...FILE_OPTION,
  },
  examples: [
    { line: 'npx connect-chat dev --open', text: 'everything embedded, and the chat in a browser' },
    { line: 'npx connect-chat dev --memory --port 9000', text: 'beside another one, without a trace' },
    { line: 'npx connect-chat dev --reset --yes', text: 'from the beginning' },
  ],
  run: async (argv, env): Promise<number> => await (await import('../dev.ts')).runDev(argv, env),
} as const satisfies CommandDescriptor;

/** `serve` */
export const SERVE = {
  name: 'serve',
  summary: 'starts the service',
  usage: ['[--config-file FILE]'],
  details: `Settings come from the environment, then from the JSON file, then from defaults: see README.md. SIGTERM stops it, SIGHUP makes
it read the file again. It is what runs without a command, too.`,
  options: { ...FILE_OPTION },
  examples: [
    { line: 'npx connect-chat serve', text: 'the same as npm start' },
    { line: 'npx connect-chat serve --config-file config.json', text: 'with settings in a file' },
  ],
  run: async (argv, env): Promise<number> => await (await import('../serve.ts')).runServe(argv, env),
} as const satisfies CommandDescriptor;

/** `config` */
export const CONFIG = {
  name: 'config',
  summary: 'checks settings, or tells what they are and where they come from',
  usage: ['check [--config-file FILE] [--json]', 'print [--sources] [--config-file FILE] [--json]'],
  details: `Nothing is started and nobody is asked: doctor does that. No secret is shown.`,
  actions: [
    {
      name: 'check',
      summary: 'everything that is wrong, at once; ends with 1 when there is anything',
      options: ['config-file', 'json'],
    },
    {
      name: 'print',
      summary: 'every setting with the value that counts',
      options: ['sources', 'config-file', 'json'],
    },
  ],
  options: {
    ...FILE_OPTION,
    sources: { type: 'boolean', text: 'where each value comes from, too' },
    ...JSON_OPTION,
  },
  examples: [
    { line: 'npx connect-chat config check --config-file config.json', text: 'before it is rolled out' },
    { line: 'npx connect-chat config print --sources', text: 'who has set what' },
  ],
  run: async (argv, env): Promise<number> => await (await import('../config.ts')).runConfig(argv, env),
} as const satisfies CommandDescriptor;

/** `doctor` */
export const DOCTOR = {
  name: 'doctor',
  summary: 'tells what the service would run with, and whether it can',
  usage: ['[--config-file FILE] [--json]'],
  details: `Settings and where they come from, versions, schemas, clocks, limits, latencies, the stream of events, what waits. It works when
parts are down, takes a few seconds, shows no secret and changes nothing. Ends with 1 when anything fails.`,
  options: { ...FILE_OPTION, ...JSON_OPTION },
  examples: [
    { line: 'npx connect-chat doctor', text: 'with the settings of the service' },
    {
      line: `npx connect-chat doctor --json | jq '.findings[] | select(.state == "fail")'`,
      text: 'what fails',
    },
  ],
  run: async (argv, env): Promise<number> => await (await import('../doctor.ts')).runDoctor(argv, env),
} as const satisfies CommandDescriptor;

/** `trace` */
export const TRACE = {
  name: 'trace',
  summary: 'tells where a message is: stored, published, delivered, read',
  usage: [
    'MESSAGE_ID [--all] [--config-file FILE]',
    'SENDER_MESSAGE_ID --sender USER_ID [--all] [--config-file FILE]',
  ],
  details: `Stored, waiting in the outbox, in the broker, delivered to which clients of which members, read by whom; never what it says. Changes
nothing. How far connected clients are is known from their positions, which are stored every 3 s. An embedded database can be read
only while the service does not run. Ends with 1 when there is no such message, or a store can't be read.`,
  options: {
    sender: { type: 'string', value: 'USER_ID', text: 'the id is the client-side one of that user' },
    all: { type: 'boolean', text: 'every member of the room, not just the first 50' },
    ...FILE_OPTION,
  },
  examples: [
    { line: 'npx connect-chat trace 0b6f3c1e-8f0a-4c55-9d5e-2f1d8f1c7a10', text: 'by its id' },
    { line: 'npx connect-chat trace order-4711 --sender 1', text: 'by the id that its sender gave it' },
  ],
  run: async (argv, env): Promise<number> => await (await import('../trace.ts')).runTrace(argv, env),
} as const satisfies CommandDescriptor;
