import type { CommandDescriptor } from '../descriptor.ts';

/** `migrate` */
export const MIGRATE = {
  name: 'migrate',
  summary: "brings a real database's schema up to date",
  usage: [''],
  details: `That of DATABASE_URL, and with SCYLLA_HOSTS, or where Scylla is used, the keyspace and its tables. May be repeated.`,
  options: {},
  examples: [
    {
      line: 'DATABASE_URL=postgres://user:password@host:5432/database npx connect-chat migrate',
      text: 'before the new version starts',
    },
  ],
  run: async (argv, env): Promise<number> => await (await import('../migrate.ts')).runMigrate(argv, env),
} as const satisfies CommandDescriptor;

/** `scylla` */
export const SCYLLA = {
  name: 'scylla',
  summary: 'copies rooms to Scylla, compares, tells how far it is',
  usage: [
    'migrate [--dry-run] [--batch-size N] [--workers N] [--since TIME] [--until TIME] [--room-id UUID]',
    'validate [--samples N] [--workers N] [--since TIME] [--until TIME] [--room-id UUID]',
    'status',
  ],
  details: `DATABASE_URL and SCYLLA_HOSTS name the stores; see README.md.

migrate copies all rooms, members, messages, reactions and read positions from PostgreSQL to Scylla, while the service runs. When it was
ended it goes on where it was; when it was complete it begins anew. What is there already is replaced. validate compares counts of all
rooms, random messages and rooms in full; it ends with 0 only when both agree.`,
  actions: [
    {
      name: 'migrate',
      summary: 'copies everything from PostgreSQL to Scylla, while the service runs',
      options: ['dry-run', 'batch-size', 'workers', 'since', 'until', 'room-id'],
    },
    {
      name: 'validate',
      summary: 'compares both',
      options: ['samples', 'workers', 'since', 'until', 'room-id'],
    },
    {
      name: 'status',
      summary: 'whether Scylla answers, which store has what, how far Scylla is behind',
      options: [],
    },
  ],
  options: {
    'dry-run': { type: 'boolean', text: 'only count what would be migrated' },
    'batch-size': {
      type: 'string',
      value: 'N',
      text: 'messages that are read at once, 1 to 10000 (default 1000)',
    },
    workers: { type: 'string', value: 'N', text: 'rooms at a time, 1 to 64 (default 4)' },
    samples: {
      type: 'string',
      value: 'N',
      text: 'messages, and rooms, that are compared in full (default 1000)',
    },
    since: {
      type: 'string',
      value: 'TIME',
      text: 'only messages from then on: 2024-05-01 or 2024-05-01T12:00:00Z',
    },
    until: { type: 'string', value: 'TIME', text: 'only messages before that' },
    'room-id': { type: 'string', value: 'UUID', text: 'only this room' },
  },
  examples: [
    { line: 'npx connect-chat scylla migrate --dry-run', text: 'how much it would be' },
    { line: 'npx connect-chat scylla migrate --workers 8', text: 'eight rooms at a time' },
    { line: 'npx connect-chat scylla validate --samples 5000', text: 'are both the same?' },
    {
      line: 'npx connect-chat scylla migrate --room-id 0b6f3c1e-8f0a-4c55-9d5e-2f1d8f1c7a10',
      text: 'one room again',
    },
  ],
  run: async (argv, env): Promise<number> => await (await import('../scylla.ts')).runScylla(argv, env),
} as const satisfies CommandDescriptor;
