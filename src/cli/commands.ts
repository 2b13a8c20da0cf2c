import { CHAT, TOKEN, USERS } from './commands/people.ts';
import { ROOMS, SEND, TAIL } from './commands/rooms.ts';
import { CONFIG, DEV, DOCTOR, SERVE, TRACE } from './commands/service.ts';
import { COMPLETION } from './commands/shell.ts';
import { MIGRATE, SCYLLA } from './commands/stores.ts';
import type { CommandDescriptor } from './descriptor.ts';

/** Every command, in the order of help. */
export const COMMANDS: readonly CommandDescriptor[] = [
  ...[DEV, SERVE],
  ...[TOKEN, USERS, ROOMS, SEND, TAIL, CHAT],
  ...[CONFIG, DOCTOR, TRACE, MIGRATE, SCYLLA],
  COMPLETION,
];
