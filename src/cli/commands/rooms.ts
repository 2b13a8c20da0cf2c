import type { CommandDescriptor } from '../descriptor.ts';
import { AS_OPTION, JSON_OPTION, KEY_OPTIONS, REMOTE_OPTIONS, ROOM_OPTIONS } from './options.ts';

const COMMON = ['as', 'json', 'url', 'token'] as const;

/** `rooms` */
export const ROOMS = {
  name: 'rooms',
  summary: 'lists, makes and changes rooms of a user',
  usage: [
    'list --as USER_ID [--search TEXT] [--type TYPE] [--limit N] [--json]',
    'show ROOM --as USER_ID [--json]',
    'create --as USER_ID --type TYPE [--name NAME] [--description TEXT] --members IDS [--json]',
    'add ROOM --as USER_ID --members IDS [--json]',
    'remove ROOM --as USER_ID --members IDS [--json]',
    'leave ROOM --as USER_ID [--json]',
  ],
  details: `ROOM is the id or the name of a room that the user is in. IDS are user ids and ranges, separated by commas: 2,3 or 2-5.`,
  actions: [
    {
      name: 'list',
      summary: 'pinned ones first, then by activity',
      options: ['search', 'type', 'limit', ...COMMON],
    },
    { name: 'show', summary: 'a room, its members and their roles', options: [...COMMON] },
    {
      name: 'create',
      summary: 'a new one; of two people (p2p) the one there is',
      options: ['type', 'name', 'description', 'members', ...COMMON],
    },
    { name: 'add', summary: 'brings users into a group or channel', options: ['members', ...COMMON] },
    { name: 'remove', summary: 'removes members', options: ['members', ...COMMON] },
    { name: 'leave', summary: 'the user leaves', options: [...COMMON] },
  ],
  options: {
    ...AS_OPTION,
    search: { type: 'string', value: 'TEXT', text: "part of the room's or the partner's name" },
    type: { type: 'string', value: 'TYPE', choices: ['p2p', 'group', 'channel'], text: 'of the room' },
    limit: { type: 'string', value: 'N', text: 'rooms that are listed at most (default 50)' },
    name: { type: 'string', value: 'NAME', text: 'of a group or channel' },
    description: { type: 'string', value: 'TEXT', text: 'of a group or channel' },
    members: { type: 'string', value: 'IDS', text: 'users' },
    ...JSON_OPTION,
    ...REMOTE_OPTIONS,
  },
  examples: [
    { line: 'npx connect-chat rooms list --as 1', text: 'what Ana sees' },
    { line: 'npx connect-chat rooms create --as 1 --type group --name Lunch --members 2,3', text: 'a group' },
    { line: 'npx connect-chat rooms show Lunch --as 1', text: 'who is in it' },
    {
      line: `npx connect-chat rooms list --as 1 --json | jq -r '.[] | select(.unreadCount > 0) | .name'`,
      text: 'unread',
    },
  ],
  run: async (argv, env): Promise<number> => await (await import('../rooms.ts')).runRooms(argv, env),
} as const satisfies CommandDescriptor;

/** `send` */
export const SEND = {
  name: 'send',
  summary: 'sends a message, encrypted with the key of the room',
  usage: [
    '--as USER_ID (--room ROOM | --with USER_ID) TEXT... [--id ID] [--reply-to MESSAGE_ID] [--json]',
    '--as USER_ID (--room ROOM | --with USER_ID) [--lines] [--json] < FILE',
  ],
  details: `Without TEXT the message is read from stdin. Ends with 0 only when everything is stored. While the service is away it tries again, for
30 seconds. With the same --id a message is stored once, however often it is sent.`,
  options: {
    ...AS_OPTION,
    ...ROOM_OPTIONS,
    lines: { type: 'boolean', text: 'each line of stdin is a message' },
    id: { type: 'string', value: 'ID', text: 'client-side id, at most 64 characters (default: a new one)' },
    'reply-to': { type: 'string', value: 'MESSAGE_ID', text: 'the message that this one answers' },
    json: { type: 'boolean', text: 'print the stored message, one object a line' },
    ...REMOTE_OPTIONS,
    ...KEY_OPTIONS,
  },
  examples: [
    { line: 'npx connect-chat send --as 1 --with 2 "The build is green"', text: 'from a script' },
    {
      line: 'npx connect-chat send --as 1 --room Lunch --id lunch-4711 "12:30?"',
      text: 'once, even when repeated',
    },
    {
      line: 'git log --format=%s -5 | npx connect-chat send --as 1 --room Lunch --lines',
      text: 'five messages',
    },
  ],
  run: async (argv, env): Promise<number> => await (await import('../send.ts')).runSend(argv, env),
} as const satisfies CommandDescriptor;

/** `tail` */
export const TAIL = {
  name: 'tail',
  summary: "follows a user's events",
  usage: [
    '--as USER_ID [--room ROOM | --with USER_ID] [--cursor CURSOR | --resume] [--count N] [--for TIME] [--json]',
  ],
  details: `Events go to stdout; connections, and events that are missing, to stderr. It goes on by cursor when the service was away. --json prints
the event as the API has it, one object a line, with its text as \`text\` when the key is known; \`cursor\` is for --cursor.
Ctrl-C, --count, --for and a reader that has enough end it with 0.`,
  options: {
    ...AS_OPTION,
    ...ROOM_OPTIONS,
    cursor: { type: 'string', value: 'CURSOR', text: 'begin after that event' },
    resume: { type: 'boolean', text: 'begin where the last tail --resume of this user had stopped' },
    count: { type: 'string', value: 'N', text: 'end after so many events' },
    for: { type: 'string', value: 'TIME', text: 'end after that time: 30s, 5m, 1h' },
    json: { type: 'boolean', text: 'one JSON object a line' },
    ...REMOTE_OPTIONS,
    ...KEY_OPTIONS,
  },
  examples: [
    { line: 'npx connect-chat tail --as 2', text: 'what Ben gets to see' },
    { line: `npx connect-chat tail --as 2 --json | jq -r 'select(.message) | .text'`, text: 'texts only' },
    { line: 'npx connect-chat tail --as 2 --count 1 --for 30s --json', text: 'wait for one event' },
  ],
  run: async (argv, env): Promise<number> => await (await import('../tail.ts')).runTail(argv, env),
} as const satisfies CommandDescriptor;
