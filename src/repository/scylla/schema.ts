import { readFile } from 'node:fs/promises';
import type { ScyllaConfig, ScyllaSession } from './session.ts';

/** The schema that this code was written for; the last line of schema.cql stores it. */
export const CQL_SCHEMA_VERSION = 1;

const SCHEMA_FILE = new URL('../../../schema.cql', import.meta.url);
/** What schema.cql writes where the configuration has a say. */
const KEYSPACE = 'chat_keyspace';
const REPLICATION = `'replication_factor': 3`;

/** Makes or completes keyspace and tables; repeatable. One at a time: the caller sees to it. */
export async function applyCqlSchema(
  session: ScyllaSession,
  { keyspace, replicationFactor }: Pick<ScyllaConfig, 'keyspace' | 'replicationFactor'>,
): Promise<void> {
  const text = (await readFile(SCHEMA_FILE, 'utf8'))
    .replaceAll(/--.*$/gm, '')
    .replaceAll(KEYSPACE, keyspace)
    .replace(REPLICATION, `'replication_factor': ${replicationFactor}`);
  for (const statement of text.split(';')) {
    if (statement.trim() !== '') await session.define(statement.trim());
  }
}

/** Throws, saying what to do, when the schema is missing or not of {@link CQL_SCHEMA_VERSION}. */
export async function checkCqlSchema(
  session: ScyllaSession,
  { keyspace }: Pick<ScyllaConfig, 'keyspace'>,
): Promise<void> {
  const version = await readCqlVersion(session, keyspace);
  if (version === undefined) {
    throw new Error(`the keyspace ${keyspace} holds no chat schema: run \`npm run migrate\` first`);
  }
  if (version === CQL_SCHEMA_VERSION) return;
  const todo =
    version < CQL_SCHEMA_VERSION ? 'run `npm run migrate`' : 'start a newer version of the service';
  throw new Error(
    `the keyspace ${keyspace} has chat schema version ${version}, this service needs ${CQL_SCHEMA_VERSION}: ${todo}`,
  );
}

/** The version of the keyspace's schema; undefined when it has none. */
export async function readCqlVersion(session: ScyllaSession, keyspace: string): Promise<number | undefined> {
  const tables = await session.read(
    `SELECT table_name FROM system_schema.tables WHERE keyspace_name = ? AND table_name = 'chat_schema'`,
    [keyspace],
  );
  if (tables.length === 0) return undefined;
  const versions = await session.read<{ version: number }>('SELECT version FROM {ks}.chat_schema', []);
  return versions.length === 0 ? undefined : Math.max(...versions.map(({ version }) => version));
}
