import { bySpecificity, compileTemplate } from './template.ts';

/** Something that is served under a path by one verb. */
export interface Route<T> {
  readonly verb: string;
  /** A path template of `google.api.http`. */
  readonly path: string;
  readonly target: T;
}

/** What a path leads to. */
export interface Match<T> {
  readonly byVerb: ReadonlyMap<string, T>;
  /** What the path's variables match, still encoded. */
  readonly variables: readonly string[];
}

/**
 * Finds by path. The most specific template decides alone, whatever the verb: `room/create` never is a room called `create`. Throws for two
 * routes that are the same.
 */
export function createRouteTable<T>(routes: readonly Route<T>[]): (path: string) => Match<T> | undefined {
  const fixed = new Map<string, Map<string, T>>();
  const patterns = new Map<string, { readonly pattern: RegExp; readonly byVerb: Map<string, T> }>();
  const sorted = routes
    .map((route) => ({ ...route, template: compileTemplate(route.path) }))
    .sort((a, b) => bySpecificity(a.template, b.template));
  for (const { verb, path, target, template } of sorted) {
    const { pattern, rank } = template;
    const byVerb =
      (rank[0] + rank[1] === 0 ? fixed.get(path) : patterns.get(pattern.source)?.byVerb) ??
      new Map<string, T>();
    if (byVerb.has(verb)) throw new Error(`two routes for ${verb} ${path}`);
    byVerb.set(verb, target);
    if (rank[0] + rank[1] === 0) fixed.set(path, byVerb);
    else patterns.set(pattern.source, { pattern, byVerb });
  }
  const variable = [...patterns.values()];
  return (path) => {
    const exact = fixed.get(path);
    if (exact !== undefined) return { byVerb: exact, variables: [] };
    for (const { pattern, byVerb } of variable) {
      const match = pattern.exec(path);
      if (match !== null) return { byVerb, variables: match.slice(1) };
    }
    return undefined;
  };
}
