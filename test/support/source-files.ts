import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';

/** A TypeScript file of the project, as the architecture test sees it. */
export interface SourceFile {
  /** From the project's root, with `/`. */
  readonly path: string;
  /** Without comments and string contents. */
  readonly code: string;
  readonly lines: number;
  readonly imports: readonly ImportedModule[];
  /** Names declared with `export`. */
  readonly exports: readonly string[];
}

/** One import or re-export. */
export interface ImportedModule {
  /** A package or `node:` module as written; a file of the project by its path. */
  readonly target: string;
  /** Nothing of it is there at run time. */
  readonly typeOnly: boolean;
  /** What is taken, by its exported name; `*` for everything. */
  readonly names: readonly string[];
}

/** Reads every `.ts` and `.tsx` file under the folders, generated code left out. */
export function readSourceFiles(root: string, folders: readonly string[]): SourceFile[] {
  return folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .map((name) => posix.join(folder, name.replaceAll('\\', '/')))
      .filter((path) => /\.tsx?$/.test(path) && !path.startsWith('src/gen/'))
      .map((path) => parse(path, readFileSync(join(root, path), 'utf8'))),
  );
}

function parse(path: string, text: string): SourceFile {
  const withStrings = text.replace(/\/\*[\s\S]*?\*\/|(?<=^|[\s;{}(),])\/\/.*$/gm, '');
  const code = withStrings.replace(/'(?:[^'\\\n]|\\.)*'/g, "''");
  const exports = [
    ...code.matchAll(
      /^export (?:declare )?(?:abstract )?(?:async )?(?:function\*?|const|class|type|interface) +(\w+)/gm,
    ),
  ];
  return {
    path,
    code,
    lines: text.split('\n').length - 1,
    imports: [...importsOf(path, withStrings)],
    exports: exports.map((match) => match[1] ?? ''),
  };
}

function* importsOf(path: string, text: string): Generator<ImportedModule> {
  const statement = /^(?:import|export)\s+(type\s+)?([\w*\s{},$]*?)\s*from\s+'([^']+)'/gm;
  for (const [, type, clause = '', specifier = ''] of text.matchAll(statement)) {
    const inBraces = /\{([\s\S]*)\}/.exec(clause)?.[1];
    const parts = (inBraces ?? '').split(',').map((part) => part.trim());
    const named = parts.filter((part) => part !== '');
    const hasValue =
      inBraces === undefined || /^\w/.test(clause) || named.some((p) => !p.startsWith('type '));
    yield {
      target: resolve(path, specifier),
      typeOnly: type !== undefined || !hasValue,
      names:
        inBraces === undefined ? ['*'] : named.map((part) => part.replace(/^type /, '').split(' ')[0] ?? ''),
    };
  }
  // Side effects, and imports at run time.
  for (const [, specifier = ''] of text.matchAll(/(?:^import|\bimport\()\s*'([^']+)'/gm)) {
    yield { target: resolve(path, specifier), typeOnly: false, names: ['*'] };
  }
}

function resolve(path: string, specifier: string): string {
  return specifier.startsWith('.') ? posix.join(dirname(path), specifier) : specifier;
}
