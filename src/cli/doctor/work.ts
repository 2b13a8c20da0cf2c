import type { Config } from '../../config.ts';
import type { LockHolder, PostgresFacts, Waiting, WorkFacts } from '../../repository/postgres/inspection.ts';
import { scyllaLeads } from '../../repository/scylla/store-state.ts';
import type { Finding } from './finding.ts';
import { duration } from './words.ts';

/** Entries of the outbox live for milliseconds. */
const OUTBOX_WARN_MS = 5_000;
const OUTBOX_FAIL_MS = 60_000;
/** Scylla is brought up to date every half second. */
const LAG_WARN_MS = 30_000;
/** Tried again for minutes when the notifications service is away. */
const JOBS_WARN_MS = 300_000;

/** What waits in the database, and whether anybody works on it. */
export function workFindings({ work }: PostgresFacts, { scylla }: Config): Finding[] {
  if (work === undefined) return [];
  const follows = scylla.roles !== undefined || work.store.leader === 'scylla' || work.lag.changes > 0;
  return [
    dispatcherFinding(work),
    outboxFinding(work),
    notificationsFinding(work.notifications),
    ...(follows ? [lagFinding(work)] : []),
  ];
}

function dispatcherFinding({ dispatcher }: WorkFacts): Finding {
  const common = { group: 'events', name: 'dispatcher' } as const;
  if (dispatcher !== undefined) {
    const since = dispatcher.since.toISOString();
    const data = { address: dispatcher.address ?? null, since };
    return { ...common, state: 'ok', text: `${whereOf(dispatcher)} publishes events, since ${since}`, data };
  }
  const todo = 'start the service; when it runs, look for "the outbox can not be reached" in its log';
  return { ...common, state: 'warn', text: 'no instance publishes events', todo };
}

function outboxFinding({ outbox, dispatcher }: WorkFacts): Finding {
  const common = { group: 'events', name: 'outbox', data: { ...outbox } } as const;
  const text = waiting(outbox, ['entry', 'entries'], 'to be published');
  if (outbox.oldestAgeMs < OUTBOX_WARN_MS) return { ...common, state: 'ok', text };
  const todo =
    dispatcher === undefined
      ? 'start the service: it publishes them, and nothing is lost meanwhile'
      : 'see NATS below, and "the broker does not take events" in the log; nothing is lost meanwhile';
  const isStuck = dispatcher !== undefined && outbox.oldestAgeMs >= OUTBOX_FAIL_MS;
  return { ...common, state: isStuck ? 'fail' : 'warn', text, todo };
}

function notificationsFinding(jobs: Waiting): Finding {
  const common = { group: 'events', name: 'notifications', data: { ...jobs } } as const;
  const text = waiting(jobs, ['notification', 'notifications'], 'to be sent');
  if (jobs.oldestAgeMs < JOBS_WARN_MS) return { ...common, state: 'ok', text };
  const todo = 'see whether NOTIFICATIONS_URL answers, and "a notification is dropped" in the log';
  return { ...common, state: 'warn', text, todo };
}

function lagFinding({ lag, follower }: WorkFacts): Finding {
  const data = { ...lag, follower: follower?.address ?? null };
  const common = { group: 'events', name: 'scylla', data } as const;
  const text = waiting(
    { count: lag.changes, oldestAgeMs: lag.oldestAgeMs },
    ['change', 'changes'],
    'to be brought to Scylla',
  );
  if (lag.oldestAgeMs < LAG_WARN_MS) return { ...common, state: 'ok', text };
  const todo =
    follower === undefined
      ? 'start the service with its Scylla settings: no instance brings them there'
      : `see Scylla below, and "Failed to sync to ScyllaDB" in the log of ${whereOf(follower)}`;
  return { ...common, state: 'warn', text, todo };
}

/** Whether the settings fit what the database is used for; nothing to say where Scylla is not in play. */
export function storeFinding({ work }: PostgresFacts, { scylla: { roles } }: Config): Finding[] {
  if (work === undefined) return [];
  const { leader, migratedAt } = work.store;
  const leads = roles !== undefined && scyllaLeads(roles);
  const common = { group: 'postgres', name: 'store', data: { leader } } as const;
  if (leader === 'scylla') {
    const text = 'rooms and messages are in Scylla alone';
    const todo =
      'set USE_SCYLLADB=true, and SYNC_TO_SCYLLA=false: a service with these settings does not start';
    return [leads ? { ...common, state: 'ok', text } : { ...common, state: 'fail', text, todo }];
  }
  if (roles === undefined) return [];
  const isComplete = migratedAt !== undefined;
  return [
    {
      ...common,
      state: 'ok',
      text: isComplete
        ? 'PostgreSQL has everything, and so has Scylla, but for what waits'
        : 'PostgreSQL has everything; Scylla does not, unless there are no rooms yet (`npm run scylla -- status`)',
    },
  ];
}

function waiting(
  { count, oldestAgeMs }: Waiting,
  [one, many]: readonly [string, string],
  why: string,
): string {
  if (count === 0) return `no ${many} wait ${why}`;
  const what = count === 1 ? `1 ${one} waits` : `${count} ${many} wait`;
  return `${what} ${why}, the oldest for ${duration(oldestAgeMs)}`;
}

function whereOf({ address }: LockHolder): string {
  return address === undefined ? 'an instance on the machine of the database' : `the instance at ${address}`;
}
