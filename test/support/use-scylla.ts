import { afterAll, describe, inject } from 'vitest';
import { dropKeyspaces } from './app.ts';
import { chooseStore } from './store.ts';

/** Runs test files that are written for Postgres once more, with the rooms in Scylla. */
export async function onScylla(...files: readonly (() => Promise<unknown>)[]): Promise<void> {
  if (inject('cassandraContactPoint') === '') {
    describe.skip('with the rooms in Scylla', () => undefined);
    return;
  }
  chooseStore('scylla');
  afterAll(dropKeyspaces);
  for (const load of files) await load();
}
