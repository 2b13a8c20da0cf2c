import type { Tick } from './generator-protocol.ts';
import { TerminalView } from './terminal-view.ts';

/** Shows how a run goes. */
export interface View {
  /** A round begins; its ramp and steady phase last so long. */
  readonly begin: (round: { readonly rate: number; readonly totalSeconds: number }) => void;
  readonly tick: (tick: Tick) => void;
  /** Something to read. */
  readonly note: (text: string) => void;
  /** Leaves the terminal as it was. */
  readonly end: () => void;
}

const LINE_EVERY_SECONDS = 5;

/** Live charts on a terminal, else a line every five seconds. */
export function createView(stream: NodeJS.WriteStream): View {
  return stream.isTTY ? new TerminalView(stream) : lineView((text) => stream.write(`${text}\n`));
}

/** A line every five seconds. */
export function lineView(write: (text: string) => void): View {
  let next = LINE_EVERY_SECONDS;
  return {
    begin() {
      next = LINE_EVERY_SECONDS;
    },
    tick(tick) {
      if (tick.at < next) return;
      next += LINE_EVERY_SECONDS;
      write(
        [
          `${tick.at.toFixed(0).padStart(4)} s ${tick.phase.padEnd(6)}`,
          `${tick.sent.toFixed(0)} sent/s, ${tick.delivered.toFixed(0)} delivered/s, ${tick.inFlight} in flight`,
          `p99 send ${tick.send.p99.toFixed(1)} ms, delivery ${tick.delivery.p99.toFixed(1)} ms`,
        ].join(' | '),
      );
    },
    note: write,
    end() {},
  };
}
