import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { Logger } from '../../logger.ts';

const LOCK_FILE = 'chat.lock';
const ownerSchema = z.object({ pid: z.number().int(), startedAt: z.string() });
type Owner = z.infer<typeof ownerSchema>;

/** Directories that this process holds. */
const held = new Set<string>();

/**
 * Makes sure that no other process uses the directory, by a file in it that names its owner; throws when one does.
 * The file of a process that is gone is taken over. Returns the function that gives the directory back.
 */
export function lockDirectory(directory: string, logger: Logger): () => void {
  const file = join(directory, LOCK_FILE);
  if (held.has(file)) throw inUse(directory, process.pid);
  const mine = `${file}.${process.pid}`;
  const owner: Owner = { pid: process.pid, startedAt: startTime(process.pid) ?? '' };
  writeFileSync(mine, JSON.stringify(owner));
  try {
    while (!tryLink(mine, file)) {
      const other = readOwner(file);
      if (other !== undefined && isAlive(other)) throw inUse(directory, other.pid);
      logger.warn({ directory, pid: other?.pid }, 'the data directory was not closed; taking it over');
      removeStale(file, other);
    }
  } finally {
    rmSync(mine, { force: true });
  }
  held.add(file);
  return () => {
    if (held.delete(file)) rmSync(file, { force: true });
  };
}

/** The process that uses the directory; undefined when none does. Changes nothing. */
export function directoryUser(directory: string): number | undefined {
  const file = join(directory, LOCK_FILE);
  if (held.has(file)) return process.pid;
  const owner = readOwner(file);
  return owner !== undefined && isAlive(owner) ? owner.pid : undefined;
}

/** False when the lock exists. A link, unlike a new file, is complete the moment it exists. */
function tryLink(mine: string, file: string): boolean {
  try {
    linkSync(mine, file);
    return true;
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false;
    throw error;
  }
}

/** Removes the lock of a dead owner, unless somebody else took it over in between. */
function removeStale(file: string, stale: Owner | undefined): void {
  const aside = `${file}.stale.${process.pid}`;
  try {
    renameSync(file, aside);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return;
    throw error;
  }
  const moved = readOwner(aside);
  if (moved !== undefined && (moved.pid !== stale?.pid || moved.startedAt !== stale.startedAt))
    tryLink(aside, file);
  rmSync(aside, { force: true });
}

/** Undefined when there is no readable owner. */
function readOwner(file: string): Owner | undefined {
  try {
    return ownerSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return undefined;
  }
}

/** Process ids come again, above all in containers: only the same start time makes it the same process. */
function isAlive(owner: Owner): boolean {
  if (owner.pid === process.pid) return false;
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    if (!hasCode(error, 'EPERM')) return false;
  }
  const startedAt = startTime(owner.pid);
  return startedAt === undefined || owner.startedAt === '' || startedAt === owner.startedAt;
}

/** When a process started, in an opaque form; undefined where the system does not tell. */
function startTime(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in parentheses may hold spaces; the start time is the 20th field after it.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

function inUse(directory: string, pid: number): Error {
  return new Error(`the data directory ${directory} is in use by process ${pid}`);
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
