import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { create, fromJson, toJson } from '@bufbuild/protobuf';
import { type Client, Code, ConnectError, createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { loadConfig } from '../config.ts';
import { UsersService } from '../gen/services/users/v1/service_pb.ts';
import { type User, UserSchema } from '../gen/services/users/v1/types_pb.ts';
import { takeAction } from './arguments.ts';
import { CommandError, EXIT, runCommand, UsageError } from './command.ts';
import { USERS } from './commands/people.ts';
import { developmentTokens } from './development-tokens.ts';
import { usageOf } from './help.ts';
import { parseUserIds } from './ids.ts';
import { columns, json } from './output.ts';
import { failureOf, parseRemote, type RemoteOptions, urlOf } from './remote.ts';
import { parseUserId } from './token.ts';

const CALL_TIMEOUT_MS = 15_000;
/** Of one call, by contract. */
const MAX_PER_CALL = 1_000;
const TOKEN_TTL_SECONDS = 600;
/** An administrator need not be one of the users. */
const ADMIN_ID = 1;

/** Lists, writes or removes users of a running service. 1 when one to list is unknown. */
export async function runUsers(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  return await runCommand(usageOf(USERS), async () => {
    const { values, positionals } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: USERS.options,
    });
    const { action, rest } = takeAction(USERS.actions, positionals);
    const isJson = values.json === true;
    const work = workOf(action, rest, values);
    return await asAdministrator(env, parseRemote(values), async (client) => await work(client, isJson));
  });
}

type Administration = Client<typeof UsersService>;
type Work = (client: Administration, isJson: boolean) => Promise<number>;
type Values = Readonly<Partial<Record<'id' | 'name' | 'phone' | 'email' | 'avatar' | 'file', string>>> & {
  readonly ids?: readonly string[];
};

/** Everything about the arguments is found wrong before the service is asked. */
function workOf(
  action: (typeof USERS.actions)[number]['name'],
  rest: readonly string[],
  values: Values,
): Work {
  if (action === 'upsert') {
    const [extra] = rest;
    if (extra !== undefined) throw new UsageError(`"${extra}" makes no sense after upsert`);
    const users = usersOf(values);
    return async (client, isJson) => await upsert(client, users, isJson);
  }
  const ids = parseUserIds([...rest, ...(values.ids ?? [])]);
  return action === 'list'
    ? async (client, isJson) => await list(client, ids, isJson)
    : async (client, isJson) => await remove(client, ids, isJson);
}

async function list(client: Administration, ids: readonly number[], isJson: boolean): Promise<number> {
  const users: User[] = [];
  for (const part of parts(ids)) users.push(...(await client.getUsers({ ids: [...part] })).users);
  const found = new Map(users.map((user) => [user.id, user]));
  const sorted = ids.flatMap((id) => found.get(id) ?? []);
  const unknown = ids.filter((id) => !found.has(id));
  if (isJson) console.log(json(sorted.map((user) => toJson(UserSchema, user))));
  else if (sorted.length > 0)
    console.log(
      columns(
        sorted.map(({ id, name, phone = '', email = '' }) => [String(id).padStart(4), name, phone, email]),
      ),
    );
  if (unknown.length > 0) console.error(`unknown or removed: ${unknown.join(', ')}`);
  return unknown.length > 0 ? EXIT.failed : EXIT.ok;
}

async function upsert(client: Administration, users: readonly User[], isJson: boolean): Promise<number> {
  let upserted = 0;
  for (const part of parts(users)) upserted += (await client.upsertUsers({ users: [...part] })).upserted;
  console.log(isJson ? json({ upserted }) : `${upserted} ${upserted === 1 ? 'user' : 'users'} written`);
  return EXIT.ok;
}

async function remove(client: Administration, ids: readonly number[], isJson: boolean): Promise<number> {
  let removed = 0;
  for (const part of parts(ids)) removed += (await client.removeUsers({ ids: [...part] })).removed;
  console.log(isJson ? json({ removed }) : `${removed} ${removed === 1 ? 'user' : 'users'} removed`);
  return EXIT.ok;
}

function usersOf({ id, name, phone, email, avatar, file }: Values): User[] {
  if (file !== undefined) {
    const others = [id, name, phone, email, avatar].filter((value) => value !== undefined);
    if (others.length > 0) throw new UsageError('either --file, or --id and --name of one user');
    return readUsers(file);
  }
  if (id === undefined || name === undefined) throw new UsageError('who? --id and --name, or --file');
  const optional = Object.entries({ phone, email, avatar }).filter(([, value]) => value !== undefined);
  return [create(UserSchema, { id: parseUserId(id), name, ...Object.fromEntries(optional) })];
}

/** Users as the API has them in JSON: an array, or the request with `users`. */
function readUsers(file: string): User[] {
  const place = file === '-' ? 'stdin' : file;
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file === '-' ? 0 : file, 'utf8'));
  } catch (error) {
    const isSyntax = error instanceof SyntaxError;
    throw new CommandError(isSyntax ? `${place} is not JSON` : `${place} can't be read`, { cause: error });
  }
  const list: unknown = typeof value === 'object' && value !== null && 'users' in value ? value.users : value;
  if (!Array.isArray(list) || list.length === 0)
    throw new CommandError(`${place} holds no users: a JSON array of objects with id and name is needed`);
  return list.map((item, index) => {
    try {
      return fromJson(UserSchema, item);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new CommandError(`${place}: user ${index + 1} of ${list.length}: ${why}`, { cause: error });
    }
  });
}

function* parts<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let start = 0; start < items.length; start += MAX_PER_CALL)
    yield items.slice(start, start + MAX_PER_CALL);
}

async function asAdministrator(
  env: NodeJS.ProcessEnv,
  options: RemoteOptions,
  work: (client: Administration) => Promise<number>,
): Promise<number> {
  const { config } = loadConfig(env);
  const url = options.url ?? urlOf(config);
  const subject = { userId: ADMIN_ID, isAdmin: true, ttlSeconds: TOKEN_TTL_SECONDS };
  const token = options.token ?? (await developmentTokens(config)(subject));
  const transport = createConnectTransport({
    baseUrl: url,
    httpVersion: '1.1',
    defaultTimeoutMs: CALL_TIMEOUT_MS,
    interceptors: [
      (next) => async (request) => {
        request.header.set('authorization', `Bearer ${token}`);
        return await next(request);
      },
    ],
  });
  try {
    return await work(createClient(UsersService, transport));
  } catch (error) {
    if (ConnectError.from(error).code === Code.PermissionDenied)
      throw new CommandError("the token is not an administrator's", { cause: error });
    throw failureOf(error, url);
  }
}
