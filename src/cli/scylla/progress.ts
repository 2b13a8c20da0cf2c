import cliProgress from 'cli-progress';
import type { MigrationProgress } from '../../repository/scylla/migration/migration-checkpoints.ts';

/** Shows how far a migration is: a bar on a terminal, else a line now and then. */
export interface ProgressView {
  update(progress: MigrationProgress): void;
  /** Something to read, above the bar. */
  say(text: string): void;
  /** Takes the bar away and says how far it came, if it began. */
  end(): void;
}

/** What it writes to; process.stderr. */
export type ProgressStream = NodeJS.WritableStream & { readonly isTTY?: boolean };

const LINE_EVERY_MS = 10_000;
const FORMAT = '{bar} {percentage}% | {text}';

/** A view that begins now. */
export function createProgressView(
  stream: ProgressStream,
  lineEveryMs: number = LINE_EVERY_MS,
): ProgressView {
  const begun = performance.now();
  let latest: MigrationProgress = { rooms: 0, roomsDone: 0, messages: 0, messagesDone: 0 };
  let before: number | undefined;
  const rate = (): number =>
    ((latest.messagesDone - (before ?? 0)) / Math.max(1, performance.now() - begun)) * 1000;
  const bars = stream.isTTY === true ? createBars(stream) : undefined;
  const bar = bars?.create(0, 0, { text: '' });
  const say = (text: string): void => {
    if (bars === undefined) stream.write(`${text}\n`);
    else bars.log(`${text}\n`);
  };
  const timer =
    bars === undefined ? setInterval(() => say(describeProgress(latest, rate())), lineEveryMs) : undefined;
  timer?.unref();
  return {
    update(progress) {
      before ??= progress.messagesDone;
      latest = { ...progress };
      bar?.setTotal(progress.messages);
      bar?.update(Math.min(progress.messagesDone, progress.messages), {
        text: describeProgress(progress, rate()),
      });
    },
    say,
    end() {
      clearInterval(timer);
      bars?.stop();
      if (before !== undefined) stream.write(`${describeProgress(latest, rate(), true)}\n`);
    },
  };
}

function createBars(stream: NodeJS.WritableStream): cliProgress.MultiBar {
  // Ctrl-C must end it, and leave the terminal as it was: true trims lines, false would end wrapping.
  const graceless = { gracefulExit: false, linewrap: true };
  const options = {
    stream,
    format: FORMAT,
    barsize: 24,
    clearOnComplete: true,
    emptyOnZero: true,
    ...graceless,
  };
  return new cliProgress.MultiBar(options, cliProgress.Presets.shades_classic);
}

/** Such as "migrated 12 of 40 rooms, 120000 of 400000 messages, 6100 messages/s, 46 s left". */
export function describeProgress(
  progress: MigrationProgress,
  messagesPerSecond: number,
  isEnd = false,
): string {
  const { rooms, roomsDone, messages, messagesDone } = progress;
  const rate = Math.round(messagesPerSecond);
  const left = messages - messagesDone;
  return [
    `migrated ${roomsDone} of ${rooms} rooms`,
    `${messagesDone} of ${messages} messages`,
    `${rate} messages/s`,
    ...(isEnd || rate === 0 ? [] : [`${Math.max(0, Math.ceil(left / rate))} s left`]),
  ].join(', ');
}
