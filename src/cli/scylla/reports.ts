import type { MigrationResult } from '../../repository/scylla/migration/migration.ts';
import type { Amounts } from '../../repository/scylla/migration/migration-source.ts';
import type { StoreStatus } from '../../repository/scylla/migration/status.ts';
import type { ValidationResult } from '../../repository/scylla/migration/validation.ts';

/** Rooms that are named as being behind. */
const MAX_NAMED = 20;

/** What a migration says at its end. */
export function migrationReport(result: MigrationResult): string {
  const { outcome, skippedRooms, skippedMessages } = result;
  switch (outcome) {
    case 'complete':
      return 'Scylla has everything, and is told of every change. `npm run scylla -- validate` compares both.';
    case 'partial':
      return 'Scylla has what was asked for. Only a migration without limits makes it complete.';
    case 'changes-unknown':
      return `Everything was copied, but changes that were made meanwhile may be missing: SYNC_TO_SCYLLA was not on since before this
migration began. Start the service with SYNC_TO_SCYLLA=true and run it again; until then nothing is read from Scylla.`;
    case 'incomplete':
      return `Not everything was copied: ${skippedRooms} rooms and ${skippedMessages} messages were skipped, see above. Running it again
takes those rooms once more.`;
  }
}

/** What a migration would do. */
export function dryRunReport(amounts: Amounts & { readonly rooms: number }): string {
  const { rooms, members, messages, reactions, positions } = amounts;
  return `would migrate ${rooms} rooms, ${members} memberships, ${messages} messages, ${reactions} reactions, ${positions} read positions; nothing was written`;
}

/** What a validation found; empty when both stores agree. */
export function mismatchReport(result: ValidationResult): string[] {
  const { mismatches, untold, behind } = result;
  const named = behind
    .slice(0, MAX_NAMED)
    .map((id) => `room ${id} is behind: changes of it are not in Scylla yet`);
  return [
    ...mismatches,
    ...(untold > 0 ? [`${untold} more mismatches`] : []),
    ...named,
    ...(behind.length > MAX_NAMED ? [`${behind.length - MAX_NAMED} more rooms are behind`] : []),
  ];
}

/** What a validation has compared. */
export function comparisonReport({ postgres, comparedMessages, comparedRooms }: ValidationResult): string {
  const { rooms, participants, messages, reactions, positions } = postgres;
  return `counted ${rooms} rooms, ${participants} participants, ${messages} messages, ${reactions} reactions, ${positions} read positions; compared ${comparedMessages} messages and ${comparedRooms} rooms in full`;
}

/** Which store has what. */
export function statusReport({ state, migration, lag }: StoreStatus): string[] {
  const { rooms, roomsDone, messages, messagesDone } = migration;
  const behind = `lag         ${lag.changes} changes${lag.changes === 0 ? '' : `, the oldest for ${(lag.oldestAgeMs / 1000).toFixed(1)} s`}`;
  // There is nothing to follow, and nothing to migrate any more.
  if (state.leader === 'scylla') return ['leader      Scylla alone', behind];
  return [
    'leader      PostgreSQL',
    `mirror      ${state.mirrorSince === undefined ? 'off: changes are not brought to Scylla' : `every change since ${state.mirrorSince.toISOString()}`}`,
    `migrated    ${state.migratedAt === undefined ? 'not completely' : `completely at ${state.migratedAt.toISOString()}`}`,
    `migration   ${rooms === 0 ? 'none' : `${roomsDone} of ${rooms} rooms done, ${messagesDone} of ${messages} messages`}`,
    behind,
  ];
}
