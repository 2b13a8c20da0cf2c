/** A path template of `google.api.http`, ready to match. */
export interface PathTemplate {
  /** Matches the paths; one group for each variable. Templates with the same pattern are the same to a router. */
  readonly pattern: RegExp;
  /** Field paths of the variables, in the order of the groups. */
  readonly fields: readonly string[];
  /** Wildcards over any number of segments, wildcards over one, characters that are given: what makes it less or more specific. */
  readonly rank: readonly [deep: number, single: number, literal: number];
}

const WELL_FORMED = /^\/(?:[^{}]|\{[^{}=]+(?:=[^{}]+)?\})*$/;

/**
 * Reads `/v1/{name=rooms/*}/messages:send` and the like: `*` stands for one segment, `**` for the rest, `{a.b}` binds what it matches
 * to a field. Throws for anything else.
 */
export function compileTemplate(template: string): PathTemplate {
  if (!WELL_FORMED.test(template)) throw new Error(`not a path template: ${template}`);
  const fields: string[] = [];
  const source = template.replace(
    /\{([^=}]+)(?:=([^}]*))?\}|[^{}]+/g,
    (text: string, field: string | undefined, inner: string | undefined) => {
      if (field === undefined) return patternOf(text);
      fields.push(field);
      return `(${patternOf(inner ?? '*')})`;
    },
  );
  const plain = template.replace(/\{([^=}]+)(?:=([^}]*))?\}/g, (_, __, inner?: string) => inner ?? '*');
  const wildcards = plain.match(/\*\*?/g) ?? [];
  const deep = wildcards.filter((wildcard) => wildcard === '**').length;
  return {
    pattern: new RegExp(`^${source}$`),
    fields,
    rank: [deep, wildcards.length - deep, plain.replaceAll('*', '').length],
  };
}

/** The more specific one first: fixed segments win over variables. */
export function bySpecificity(a: PathTemplate, b: PathTemplate): number {
  return a.rank[0] - b.rank[0] || a.rank[1] - b.rank[1] || b.rank[2] - a.rank[2];
}

function patternOf(segments: string): string {
  return segments.replace(/\*\*|\*|[^*]+/g, (part) => {
    if (part === '**') return '.+';
    return part === '*' ? '[^/]+' : part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  });
}
