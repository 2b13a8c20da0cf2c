import { closeSync, openSync } from 'node:fs';
import type { App } from '../app.ts';
import type { RunningConfig } from '../config/reload.ts';
import { ConfigError } from '../config.ts';
import type { Logger } from '../logger.ts';

/** A running service and its settings. */
export interface Reloading {
  readonly app: Pick<App, 'reload'>;
  readonly settings: Pick<RunningConfig, 'reload'>;
  readonly logger: Logger;
}

/**
 * Tells `reload` of each SIGHUP; while it is at work, of all that come together once more. The system also sends the signal when the
 * terminal that the process belongs to is closed: that is told to `closed`.
 */
export function onHangup(reload: () => Promise<void>, closed: () => void): void {
  const hadTerminal = hasTerminal();
  let working = false;
  let again = false;
  const work = async (): Promise<void> => {
    working = true;
    do {
      again = false;
      await reload();
    } while (again);
    working = false;
  };
  process.on('SIGHUP', () => {
    if (hadTerminal && !hasTerminal()) closed();
    else if (working) again = true;
    else void work();
  });
}

/** Reads the settings again and applies what can be. Never rejects: what is wrong is logged, and changes nothing. */
export async function reloadSettings({ app, settings, logger }: Reloading): Promise<void> {
  try {
    const { config, changed, pending } = settings.reload();
    if (pending.length > 0) {
      logger.warn({ settings: pending }, `not reloaded, needs a restart: ${pending.join(', ')}`);
    }
    // Children of it follow.
    logger.level = config.log.level;
    await app.reload(config);
    logger.info(
      { settings: changed },
      `reloaded: ${changed.length === 0 ? 'nothing has changed' : changed.join(', ')}`,
    );
  } catch (error) {
    if (error instanceof ConfigError) logger.error(`not reloaded, nothing is changed: ${error.message}`);
    else logger.error({ err: error }, 'not everything is reloaded: tokens are verified as before');
  }
}

/** A terminal that is gone can't be opened any more. */
function hasTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'));
    return true;
  } catch {
    return false;
  }
}
