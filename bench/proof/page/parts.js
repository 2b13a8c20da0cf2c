/* What the other scripts of the page share. Text is only ever set as text. */
const report = JSON.parse(document.getElementById('data').textContent);

function element(name, { text, className, children = [] } = {}) {
  const node = document.createElement(name);
  if (text !== undefined) node.textContent = text;
  if (className !== undefined) node.className = className;
  node.append(...children);
  return node;
}

const whole = (value) => Math.round(value).toLocaleString('en');
const milliseconds = (value) => (value >= 100 ? whole(value) : value.toFixed(value < 10 ? 2 : 1));

function card(title, hint, ...children) {
  const heading = element('h2', { text: title });
  const explanation = hint === '' ? [] : [element('p', { text: hint, className: 'hint' })];
  return element('section', { className: 'card', children: [heading, ...explanation, ...children] });
}

globalThis.parts = { report, element, card, whole, milliseconds };
