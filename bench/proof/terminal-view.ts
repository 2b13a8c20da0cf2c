import { Box, type Instance, render, Static, Text } from 'ink';
import { createElement, type ReactElement } from 'react';
import type { Tick } from './generator-protocol.ts';
import { sparkline } from './sparkline.ts';
import type { View } from './view.ts';

const BAR_WIDTH = 40;
const CHART_WIDTH = 60;
const LABEL_WIDTH = 14;
const KEPT_TICKS = 200;

interface State {
  readonly notes: readonly string[];
  readonly rate: number;
  readonly totalSeconds: number;
  readonly ticks: readonly Tick[];
}

/** A progress bar and live charts; notes scroll by above them. */
export class TerminalView implements View {
  readonly #instance: Instance;
  #state: State = { notes: [], rate: 0, totalSeconds: 0, ticks: [] };

  constructor(stdout: NodeJS.WriteStream) {
    // Ctrl-C is for the command, which has servers to stop.
    this.#instance = render(screen(this.#state), { stdout, exitOnCtrlC: false, patchConsole: false });
  }

  readonly begin: View['begin'] = ({ rate, totalSeconds }) => {
    this.#show({ ...this.#state, rate, totalSeconds, ticks: [] });
  };

  readonly tick: View['tick'] = (tick) => {
    this.#show({ ...this.#state, ticks: [...this.#state.ticks, tick].slice(-KEPT_TICKS) });
  };

  readonly note: View['note'] = (text) => {
    this.#show({ ...this.#state, notes: [...this.#state.notes, text] });
  };

  readonly end: View['end'] = () => {
    this.#show({ ...this.#state, totalSeconds: 0 });
    this.#instance.unmount();
  };

  #show(state: State): void {
    this.#state = state;
    this.#instance.rerender(screen(state));
  }
}

function screen({ notes, rate, totalSeconds, ticks }: State): ReactElement {
  const note = (text: string, index: number): ReactElement =>
    createElement(Text, { key: index, dimColor: true }, text);
  const noted = createElement(Static<string>, { ...{ items: [...notes], children: note } });
  if (totalSeconds === 0) return createElement(Box, {}, noted);
  const last = ticks.at(-1);
  return createElement(
    Box,
    { flexDirection: 'column', paddingTop: 1 },
    noted,
    progress(last, rate, totalSeconds),
    chart(
      'sent/s',
      'cyan',
      ticks.map(({ sent }) => sent),
      last?.sent.toFixed(0),
    ),
    chart(
      'delivered/s',
      'green',
      ticks.map(({ delivered }) => delivered),
      last?.delivered.toFixed(0),
    ),
    chart(
      'delivery p99',
      'yellow',
      ticks.map(({ delivery }) => delivery.p99),
      milliseconds(last?.delivery.p99),
    ),
    chart(
      'send p99',
      'yellow',
      ticks.map(({ send }) => send.p99),
      milliseconds(last?.send.p99),
    ),
    chart(
      'in flight',
      'magenta',
      ticks.map(({ inFlight }) => inFlight),
      last?.inFlight.toFixed(0),
    ),
  );
}

function progress(last: Tick | undefined, rate: number, totalSeconds: number): ReactElement {
  const at = Math.min(last?.at ?? 0, totalSeconds);
  const done = Math.round((at / totalSeconds) * BAR_WIDTH);
  return createElement(
    Box,
    {},
    createElement(Text, { bold: true }, (last?.phase ?? 'ready').padEnd(LABEL_WIDTH)),
    createElement(Text, { color: 'cyan' }, '━'.repeat(done)),
    createElement(Text, { dimColor: true }, '━'.repeat(BAR_WIDTH - done)),
    createElement(Text, {}, `  ${at.toFixed(0)} of ${totalSeconds.toFixed(0)} s at ${rate} messages/s`),
  );
}

function chart(label: string, color: string, values: readonly number[], now = ''): ReactElement {
  return createElement(
    Box,
    {},
    createElement(Text, { dimColor: true }, label.padEnd(LABEL_WIDTH)),
    createElement(Text, { color }, sparkline(values, CHART_WIDTH)),
    createElement(Text, {}, `  ${now}`),
  );
}

function milliseconds(value: number | undefined): string | undefined {
  return value === undefined ? undefined : `${value.toFixed(1)} ms`;
}
