import type { CommandDescriptor } from '../descriptor.ts';
import { AS_OPTION, JSON_OPTION, KEY_OPTIONS, REMOTE_OPTIONS, ROOM_OPTIONS } from './options.ts';

/** `token` */
export const TOKEN = {
  name: 'token',
  summary: 'prints a token for the development service',
  usage: ['USER_ID [--admin] [--ttl TIME]'],
  details: `Signed with JWT_SECRET, else with the secret that the service keeps in DATA_DIR. Nothing but the token goes to stdout.`,
  options: {
    admin: { type: 'boolean', text: 'may use the UsersService' },
    ttl: { type: 'string', value: 'TIME', text: 'how long it is valid: 90s, 30m, 1h, 7d (default 1d)' },
  },
  examples: [
    { line: 'TOKEN=$(npx connect-chat token 1)', text: 'for curl and its like' },
    { line: 'npx connect-chat token 1 --admin --ttl 1h', text: 'of an administrator, for an hour' },
  ],
  run: async (argv, env): Promise<number> => await (await import('../token.ts')).runToken(argv, env),
} as const satisfies CommandDescriptor;

/** `users` */
export const USERS = {
  name: 'users',
  summary: 'lists, writes and removes users of a running service',
  usage: [
    'list IDS... [--json]',
    'upsert --id ID --name NAME [--phone TEXT] [--email TEXT] [--avatar URL] [--json]',
    'upsert --file FILE [--json]',
    'remove IDS... [--json]',
  ],
  details: `IDS are user ids and ranges, separated by spaces or commas: 1,2 5-9. The service lists users by their ids only. It wants a token of an
administrator; without --token the development secret signs one. Ends with 1 when a user to list is unknown.`,
  actions: [
    {
      name: 'list',
      summary: 'shows users; unknown and removed ones are left out',
      options: ['ids', 'json', 'url', 'token'],
    },
    {
      name: 'upsert',
      summary: 'writes users; who is there already is replaced',
      options: ['id', 'name', 'phone', 'email', 'avatar', 'file', 'json', 'url', 'token'],
    },
    {
      name: 'remove',
      summary: 'removes users: they leave their rooms, their tokens stop working',
      options: ['ids', 'json', 'url', 'token'],
    },
  ],
  options: {
    ids: { type: 'string', multiple: true, value: 'IDS', text: 'the same as IDS without it' },
    id: { type: 'string', value: 'ID', text: 'of the user that is written' },
    name: { type: 'string', value: 'NAME', text: 'shown to others' },
    phone: { type: 'string', value: 'TEXT', text: 'unique among users' },
    email: { type: 'string', value: 'TEXT', text: 'an address' },
    avatar: { type: 'string', value: 'URL', text: 'of a picture' },
    file: {
      type: 'string',
      value: 'FILE',
      text: 'JSON array of users, or an object with `users`; - reads stdin',
    },
    ...JSON_OPTION,
    ...REMOTE_OPTIONS,
  },
  examples: [
    { line: 'npx connect-chat users list 1-8', text: 'the demo users' },
    { line: 'npx connect-chat users upsert --id 9 --name "Ivy Chen"', text: 'one more' },
    { line: 'npx connect-chat users upsert --file users.json', text: 'many' },
    { line: 'npx connect-chat users remove 9', text: 'and out again' },
  ],
  run: async (argv, env): Promise<number> => await (await import('../users.ts')).runUsers(argv, env),
} as const satisfies CommandDescriptor;

/** `chat` */
export const CHAT = {
  name: 'chat',
  summary: 'chats in the terminal',
  usage: ['--as USER_ID [--room ROOM | --with USER_ID] [--plain]'],
  details: `What is typed is encrypted with the key of the room. It reconnects by itself, and says so. /help inside tells what else there is.`,
  options: {
    ...AS_OPTION,
    ...ROOM_OPTIONS,
    plain: { type: 'boolean', text: 'lines only: for pipes, logs and screen readers' },
    ...REMOTE_OPTIONS,
    ...KEY_OPTIONS,
  },
  examples: [
    { line: 'npx connect-chat chat --as 1 --with 2', text: 'as Ana with Ben' },
    { line: 'npx connect-chat chat --as 1 --room "Weekend hike"', text: 'in a group' },
  ],
  run: async (argv, env): Promise<number> => await (await import('../chat.ts')).runChat(argv, env),
} as const satisfies CommandDescriptor;
