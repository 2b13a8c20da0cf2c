import { parser } from '@prometheus-io/lezer-promql';

type SyntaxNode = ReturnType<typeof parser.parse>['topNode'];

/** What an expression asks one metric for. */
export interface Selector {
  readonly metric: string;
  /** The values that are asked for; `a|b` are two, as they are in every regular expression here. */
  readonly matchers: readonly { readonly label: string; readonly values: readonly string[] }[];
}

/** Labels that the series of a metric have. */
export type LabelsOf = (metric: string) => readonly string[];

/** A PromQL expression that was read; variables of Grafana are taken for some range, or some text. */
export class Expression {
  readonly #text: string;
  readonly #top: SyntaxNode;

  constructor(text: string) {
    this.#text = text.replace(/\$__(rate_)?interval|\$__range/g, '5m').replace(/\$\{?\w+(:\w+)?\}?/g, 'x');
    this.#top = parser.parse(this.#text).topNode;
  }

  /** The places that are not PromQL. */
  errors(): string[] {
    return this.#all(this.#top, (node) => node.type.isError).map((node) => this.#text.slice(node.from));
  }

  selectors(): Selector[] {
    return this.#all(this.#top, isNamed('VectorSelector')).map((node) => ({
      metric: this.#textOf(node.getChild('Identifier')),
      matchers: this.#all(node, isNamed('UnquotedLabelMatcher')).map((matcher) => ({
        label: this.#textOf(matcher.getChild('LabelName')),
        values: this.#textOf(matcher.getChild('StringLiteral'))
          .slice(1, -1)
          .replaceAll('[.]', '.')
          .split('|'),
      })),
    }));
  }

  /** Labels that no series of what they are asked of has: in braces, in `by` and in `without`. */
  unknownLabels(labelsOf: LabelsOf): string[] {
    const matched = this.selectors().flatMap(({ metric, matchers }) =>
      matchers.map(({ label }) => label).filter((label) => !labelsOf(metric).includes(label)),
    );
    const grouped = this.#all(this.#top, isNamed('AggregateExpr')).flatMap((node) => {
      const inside = this.#labelsIn(node.getChild('FunctionCallBody'), labelsOf);
      return this.#grouping(node).filter((label) => !inside.includes(label));
    });
    return [...matched, ...grouped];
  }

  /** Labels that the result may have. */
  labels(labelsOf: LabelsOf): readonly string[] {
    return this.#labelsIn(this.#top, labelsOf);
  }

  #labelsIn(node: SyntaxNode | null, labelsOf: LabelsOf): readonly string[] {
    if (node === null) return [];
    if (node.name === 'VectorSelector') return labelsOf(this.#textOf(node.getChild('Identifier')));
    const operands = childrenOf(node);
    if (node.name === 'BinaryExpr' && node.getChild('Or') === null) {
      // Of the left side, or of the right one when the left one is a number.
      const [left = [], right = []] = operands
        .filter(({ name }) => !name.endsWith('Clause') && !name.endsWith('Modifier'))
        .map((operand) => this.#labelsIn(operand, labelsOf))
        .filter((labels) => labels.length > 0);
      return left.length > 0 ? left : right;
    }
    const inside = [...new Set(operands.flatMap((operand) => this.#labelsIn(operand, labelsOf)))];
    if (node.name === 'AggregateExpr') {
      const modifier = node.getChild('AggregateModifier');
      const grouping = this.#grouping(node);
      return modifier?.getChild('Without')
        ? inside.filter((label) => !grouping.includes(label))
        : inside.filter((label) => grouping.includes(label));
    }
    if (node.name !== 'FunctionCall') return inside;
    const name = this.#textOf(node.getChild('FunctionIdentifier'));
    if (name === 'scalar' || name === 'absent') return [];
    return name === 'histogram_quantile' ? inside.filter((label) => label !== 'le') : inside;
  }

  #grouping(aggregation: SyntaxNode): string[] {
    const modifier = aggregation.getChild('AggregateModifier');
    return modifier === null
      ? []
      : this.#all(modifier, isNamed('LabelName')).map((node) => this.#textOf(node));
  }

  #all(from: SyntaxNode, wanted: (node: SyntaxNode) => boolean): SyntaxNode[] {
    const found: SyntaxNode[] = [];
    from.cursor().iterate(({ node }) => {
      if (wanted(node)) found.push(node);
    });
    return found;
  }

  #textOf(node: SyntaxNode | null): string {
    return node === null ? '' : this.#text.slice(node.from, node.to);
  }
}

function isNamed(name: string): (node: SyntaxNode) => boolean {
  return (node) => node.name === name;
}

function childrenOf(node: SyntaxNode): SyntaxNode[] {
  const children: SyntaxNode[] = [];
  for (let child = node.firstChild; child !== null; child = child.nextSibling) children.push(child);
  return children;
}
