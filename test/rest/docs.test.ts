import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ChatService } from '../../src/gen/services/chat/v1/service_pb.ts';
import { TokensService } from '../../src/gen/services/tokens/v1/service_pb.ts';
import { UsersService } from '../../src/gen/services/users/v1/service_pb.ts';
import { restRulesOf } from '../../src/rest/rules.ts';

const page = readFileSync(new URL('../../docs/rest.md', import.meta.url), 'utf8');
const methods = [ChatService, TokensService, UsersService].flatMap((service) => service.methods);

test('docs/rest.md lists the routes as they are', () => {
  const rows = [...page.matchAll(/^\| ([A-Z]+) \| `(\S+)` \| `(\w+)` \|$/gm)].map((match) => match.slice(1));
  expect(rows).toEqual(restRulesOf(methods).map(({ verb, path, method }) => [verb, path, method.name]));
});

test('every method that answers once has a route', () => {
  const served = new Set(restRulesOf(methods).map(({ method }) => method));
  const missing = methods.filter((method) => method.methodKind === 'unary' && !served.has(method));
  expect(missing.map(({ name }) => name)).toEqual([]);
});
