import type { OptionDescriptors } from '../descriptor.ts';

/** Every command for a running service takes these. */
export const REMOTE_OPTIONS = {
  url: {
    type: 'string',
    value: 'URL',
    text: 'where the service is (default: where one with the same settings listens)',
  },
  token: {
    type: 'string',
    value: 'TOKEN',
    text: 'a token to call with; without it the development secret signs one',
  },
} as const satisfies OptionDescriptors;

/** So do those that read or write what is said. */
export const KEY_OPTIONS = {
  'chat-key': {
    type: 'string',
    value: 'HEX',
    text: 'master key, 64 hex digits; without it the one kept here',
  },
  'chat-iv': { type: 'string', value: 'HEX', text: 'master IV, 32 hex digits; goes with --chat-key' },
} as const satisfies OptionDescriptors;

/** Who acts. */
export const AS_OPTION = {
  as: { type: 'string', value: 'USER_ID', text: 'who you are' },
} as const satisfies OptionDescriptors;

/** Which room. */
export const ROOM_OPTIONS = {
  room: { type: 'string', value: 'ROOM', text: 'a room you are in, by id or name' },
  with: {
    type: 'string',
    value: 'USER_ID',
    text: 'the room of you and that person; made when there is none yet',
  },
} as const satisfies OptionDescriptors;

/** For scripts. */
export const JSON_OPTION = {
  json: { type: 'boolean', text: 'for programs' },
} as const satisfies OptionDescriptors;

/** Where settings are read from beside the environment. */
export const FILE_OPTION = {
  'config-file': { type: 'string', value: 'FILE', text: 'JSON file with settings (default: CONFIG_FILE)' },
} as const satisfies OptionDescriptors;
