/* The plots of the report. */
const { report, element, card, milliseconds } = globalThis.parts;
const dark = matchMedia('(prefers-color-scheme: dark)');
const plots = [];

function palette() {
  const colours = dark.matches
    ? { text: '#98a2b3', grid: '#2a313c', fault: 'rgb(255 122 128 / 16%)' }
    : { text: '#5b6472', grid: '#e8ebf0', fault: 'rgb(196 48 58 / 10%)' };
  const series = dark.matches
    ? ['#5aa9ff', '#3ecf9a', '#f0b429', '#d58cff']
    : ['#2563c9', '#12805c', '#b56a00', '#8b3fc4'];
  return { ...colours, series };
}

/* Calls back with the left edge and the width of each fault that is in view, in canvas pixels. */
function eachFault(plot, paint) {
  const { ctx, bbox } = plot;
  ctx.save();
  for (const { name, from, to } of report.faults) {
    const left = Math.max(bbox.left, plot.valToPos(from, 'x', true));
    const right = Math.min(bbox.left + bbox.width, plot.valToPos(to, 'x', true));
    if (right > left) paint(ctx, { name, left, top: bbox.top, width: right - left, height: bbox.height });
  }
  ctx.restore();
}

/* Shaded under the grid, named above it. */
const faultHooks = {
  drawClear: [
    (plot) =>
      eachFault(plot, (ctx, { left, top, width, height }) => {
        ctx.fillStyle = palette().fault;
        ctx.fillRect(left, top, width, height);
      }),
  ],
  draw: [
    (plot) =>
      eachFault(plot, (ctx, { name, left, top }) => {
        ctx.fillStyle = palette().text;
        ctx.font = `${11 * devicePixelRatio}px system-ui`;
        ctx.textAlign = 'left';
        ctx.fillText(name, left + 4 * devicePixelRatio, top + 14 * devicePixelRatio);
      }),
  ],
};

function axis(colours, extra) {
  return {
    stroke: colours.text,
    grid: { stroke: colours.grid, width: 1 },
    ticks: { stroke: colours.grid },
    ...extra,
  };
}

/* `lines`: [label, values]; `unit` comes after values in the legend. */
function chart(holder, { xs, lines, unit, log, x, hooks }) {
  const draw = () => {
    const colours = palette();
    holder.replaceChildren();
    const series = lines.map(([label], index) => ({
      label,
      stroke: colours.series[index],
      width: 2,
      points: { show: false },
      value: (_, value) => (value == null ? '–' : `${milliseconds(value)} ${unit}`.trim()),
    }));
    const values = (_, splits) =>
      splits.map((split) => (split == null ? '' : Number(split.toPrecision(3)).toLocaleString('en')));
    const plot = new uPlot(
      {
        width: Math.max(280, holder.clientWidth),
        height: 260,
        padding: [null, 36, null, null],
        cursor: { drag: { x: true, y: false } },
        scales: {
          x: x.scale,
          y: log ? { distr: 3 } : { range: (_, __, max) => [0, Math.max(1, max * 1.1)] },
        },
        series: [{ label: x.label, value: (_, value) => (value == null ? '–' : x.text(value)) }, ...series],
        axes: [axis(colours, x.axis), axis(colours, { size: 64, values })],
        hooks,
      },
      [xs, ...lines.map(([, values]) => values)],
      holder,
    );
    return plot;
  };
  plots.push(draw);
}

const overTime = {
  label: 'second',
  scale: { time: false },
  axis: { values: (_, splits) => splits.map((split) => `${split} s`) },
  text: (value) => `${value.toFixed(0)} s`,
};

/* 1 / (1 - share): every decade is one more nine. */
const overPercentiles = {
  label: 'percentile',
  scale: { time: false, distr: 3 },
  axis: {
    values: (_, splits) => splits.map((split) => (split == null ? '' : `${percentileAt(split)} %`)),
    // One label for each nine, on a narrow screen for every second one.
    filter: (plot, splits) =>
      splits.map((split) => {
        const nines = Math.round(Math.log10(split) * 1e6) / 1e6;
        return Number.isInteger(nines / (plot.width < 420 ? 2 : 1)) ? split : null;
      }),
  },
  text: (value) => `${percentileAt(value)} %`,
};

function percentileAt(inverse) {
  return Number((100 * (1 - 1 / inverse)).toFixed(4));
}

function charts() {
  const { ticks, result } = report;
  const xs = ticks.map(({ at }) => at);
  const rate = element('div');
  const deliveries = element('div');
  const latency = element('div');
  const curve = element('div');
  // Nothing measured is a gap: a logarithm has no 0.
  const positive = (value) => (value > 0 ? value : null);
  chart(rate, {
    ...{ xs, unit: '/s', log: false, x: overTime, hooks: faultHooks },
    lines: [
      ['sent', ticks.map(({ sent }) => sent)],
      ['stored', ticks.map(({ stored }) => stored)],
    ],
  });
  chart(deliveries, {
    ...{ xs, unit: '/s', log: false, x: overTime, hooks: faultHooks },
    lines: [['delivered', ticks.map(({ delivered }) => delivered)]],
  });
  chart(latency, {
    ...{ xs, unit: 'ms', log: true, x: overTime, hooks: faultHooks },
    lines: [
      ['send p50', ticks.map(({ send }) => positive(send.p50))],
      ['delivery p50', ticks.map(({ delivery }) => positive(delivery.p50))],
      ['send p99', ticks.map(({ send }) => positive(send.p99))],
      ['delivery p99', ticks.map(({ delivery }) => positive(delivery.p99))],
    ],
  });
  chart(curve, curveOf(result));
  return [
    element('div', {
      className: 'columns',
      children: [
        card('Messages', 'Sent and stored each second. Drag to zoom, double-click to zoom out.', rate),
        card('Deliveries', 'Over all recipients, each second.', deliveries),
        card('Latency over time', 'Each second of the steady phase, ms.', latency),
        card('Latency by percentile', 'The whole steady phase outside of faults, ms.', curve),
      ],
    }),
  ];
}

/* Both curves over the percentiles of the longer one. */
function curveOf({ send, delivery }) {
  const longer = send.curve.length > delivery.curve.length ? send.curve : delivery.curve;
  const values = ({ curve }) => longer.map((_, index) => curve[index]?.[1] ?? null);
  return {
    xs: longer.map(([percentile]) => 1 / (1 - percentile / 100)),
    lines: [
      ['send', values(send)],
      ['send to delivery', values(delivery)],
    ],
    ...{ unit: 'ms', log: true, x: overPercentiles, hooks: {} },
  };
}

function drawAll() {
  for (const draw of plots) draw();
}

globalThis.parts.charts = charts;
globalThis.parts.drawAll = drawAll;
dark.addEventListener('change', drawAll);
let width = innerWidth;
addEventListener('resize', () => {
  if (innerWidth !== width) drawAll();
  width = innerWidth;
});
