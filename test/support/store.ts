/** Where the rooms of a test file's services are. */
export type UsedStore = 'postgres' | 'scylla';

let used: UsedStore = 'postgres';

/** Postgres, unless the file says otherwise. */
export function usedStore(): UsedStore {
  return used;
}

/** For all services that this test file starts from here on. */
export function chooseStore(store: UsedStore): void {
  used = store;
}
