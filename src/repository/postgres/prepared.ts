const NAME = /^\/\* ([a-z_]{1,40}) \*\//;

/**
 * The name of a hot statement, which stands in a block comment at its very start: such a text is prepared once per
 * connection and only bound afterwards. A name belongs to exactly one text. Undefined: the statement is not prepared.
 */
export function preparedName(text: string): string | undefined {
  return NAME.exec(text)?.[1];
}
