/* Writes the report. */
const { report, element, card, whole, milliseconds, charts, drawAll } = globalThis.parts;
const root = document.getElementById('report');

/* Cells are texts, or elements. */
function table(head, rows) {
  const row = (cells, name) =>
    element('tr', {
      children: cells.map((cell) => (cell instanceof Node ? cell : element(name, { text: cell }))),
    });
  const made = element('table', {
    children: [
      element('thead', { children: [row(head, 'th')] }),
      element('tbody', { children: rows.map((cells) => row(cells, 'td')) }),
    ],
  });
  return element('div', { className: 'scroll', children: [made] });
}

function mark(met) {
  return element('td', { text: met ? '✓ met' : '✗ missed', className: met ? 'good' : 'bad' });
}

function header() {
  const { verdict, options, target, at, machine } = report;
  const chaos = options.chaos === undefined ? '' : ` with ${options.chaos}`;
  return [
    element('header', {
      children: [
        element('h1', { text: 'Load proof' }),
        element('span', { text: verdict, className: `badge ${verdict.toLowerCase()}` }),
      ],
    }),
    element('p', {
      className: 'lead',
      text:
        `${options.users} users in ${options.rooms} rooms, ${whole(options.rate)} messages a second for ${options.seconds} s` +
        `${chaos}, after a ramp of ${options.rampSeconds} s. Service: ${target}. ` +
        `${machine.cpus} × ${machine.cpu}, ${whole(machine.memoryBytes / 2 ** 30)} GiB, Node ${machine.node}. ${at.slice(0, 16).replace('T', ' ')} UTC.`,
    }),
  ];
}

function numbers() {
  const { sends, deliveries, late, resyncs } = report.result;
  const zeros = (value) => (value === 0 ? 'good' : 'bad');
  const shown = [
    ['sent', sends.sent],
    ['stored', sends.stored],
    ['delivered', deliveries.delivered],
    ['lost', deliveries.lost, zeros],
    ['duplicated', deliveries.duplicated, zeros],
    ['reordered', deliveries.reordered, zeros],
    ['late', late, (value) => (value === 0 ? 'good' : '')],
    ['failed sends', sends.failed, zeros],
    ['sent again', sends.repeated],
    ['resyncs', resyncs],
  ];
  return element('dl', {
    className: 'numbers',
    children: shown.map(([name, value, colour]) =>
      element('div', {
        className: 'card',
        children: [
          element('dt', { text: name }),
          element('dd', { text: whole(value), className: colour?.(value) ?? '' }),
        ],
      }),
    ),
  });
}

function objectives() {
  const rows = report.objectives.map(({ name, value, atMost, unit, met }) => {
    const digits = unit === '%' ? 3 : 1;
    const shown = unit === '' ? whole(value) : `${value.toFixed(digits)} ${unit}`;
    return [name, shown, `${atMost} ${unit}`.trim(), mark(met)];
  });
  return card('Objectives', '', table(['', 'measured', 'at most', ''], rows));
}

function latencies() {
  const { send, delivery, sendWithFaults, deliveryWithFaults, cpuPercent, lagP99Ms, lagMaxMs } =
    report.result;
  const line = (name, { p50, p90, p99, p999, max }) => [
    name,
    ...[p50, p90, p99, p999, max].map(milliseconds),
  ];
  const rows = [line('send', send), line('send to delivery', delivery)];
  if (report.faults.length > 0) {
    rows.push(line('send, with faults', sendWithFaults));
    rows.push(line('delivery, with faults', deliveryWithFaults));
  }
  const generator = `The load generator used ${whole(cpuPercent)} % of a core; its event loop waited ${milliseconds(lagP99Ms)} ms at p99, ${milliseconds(lagMaxMs)} ms at most.`;
  return card(
    'Latency, ms',
    'Steady phase, from the time at which a message was due, so waiting in a queue counts.',
    table(['', 'p50', 'p90', 'p99', 'p99.9', 'max'], rows),
    element('p', { text: generator, className: 'hint' }),
  );
}

function search() {
  if (report.search === undefined) return [];
  const { highest, rounds } = report.search;
  const text =
    highest === undefined
      ? 'No rate that was tried meets the objectives.'
      : `The highest rate that meets the objectives is ${whole(highest)} messages a second.`;
  const rows = rounds.map((round) => [
    whole(round.rate),
    milliseconds(round.sendP99),
    milliseconds(round.deliveryP99),
    element('td', { text: round.verdict, className: round.verdict === 'PASS' ? 'good' : 'bad' }),
    element('td', { text: round.missed.join(', '), className: 'text' }),
  ]);
  const head = ['messages/s', 'send p99', 'delivery p99', 'verdict', ''];
  return [card('Search for the highest rate', text, table(head, rows))];
}

root.append(...header(), numbers(), ...search());
const tables = element('div', { className: 'columns', children: [objectives(), latencies()] });
root.append(...charts(), tables);
root.append(
  element('footer', {
    text: 'A delivery is one message reaching one member of its room. How it is measured: docs/load.md.',
  }),
);
drawAll();
