import { type DescMethod, getOption, hasOption } from '@bufbuild/protobuf';
import { http } from '../gen/google/api/annotations_pb.ts';
import type { HttpRule } from '../gen/google/api/http_pb.ts';
import { fieldAt } from './fields.ts';
import { compileTemplate, type PathTemplate } from './template.ts';

/** One way to call a method by plain HTTP. */
export interface RestRule {
  readonly method: DescMethod;
  /** `GET`, `POST` … */
  readonly verb: string;
  /** As it is written in the proto file. */
  readonly path: string;
  readonly template: PathTemplate;
  /** `*`: the body is the request; a field's name: the body is that field; empty: there is no body. */
  readonly body: string;
}

/** The rules that the methods declare by `google.api.http`, additional bindings included. Throws for a rule that can't be served. */
export function restRulesOf(methods: readonly DescMethod[]): RestRule[] {
  return methods
    .filter((method) => hasOption(method, http))
    .flatMap((method) => rulesOf(method, getOption(method, http)));
}

function rulesOf(method: DescMethod, rule: HttpRule): RestRule[] {
  const { pattern, body } = rule;
  const more = rule.additionalBindings.flatMap((binding) => rulesOf(method, binding));
  if (pattern.case === undefined) return more;
  const [verb, path] =
    pattern.case === 'custom'
      ? [pattern.value.kind, pattern.value.path]
      : [pattern.case.toUpperCase(), pattern.value];
  const template = compileTemplate(path);
  const names = [...template.fields, ...(body === '' || body === '*' ? [] : [body])];
  const unknown = names.filter((name) => fieldAt(method.input, name) === undefined);
  if (method.methodKind !== 'unary' || unknown.length > 0) {
    throw new Error(`${method.parent.typeName}.${method.name} can't be served as ${verb} ${path}`);
  }
  return [{ method, verb, path, template, body }, ...more];
}
