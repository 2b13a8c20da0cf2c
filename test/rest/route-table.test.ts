import { describe, expect, test } from 'vitest';
import { createRouteTable } from '../../src/rest/route-table.ts';

function tableOf(...paths: readonly string[]) {
  return createRouteTable(paths.map((path) => ({ verb: 'GET', path, target: path })));
}

describe('paths', () => {
  test.each([
    ['/room/list', '/room/list', []],
    ['/room/{id}', '/room/a%2Fb', ['a%2Fb']],
    ['/room/{id}/read', '/room/7/read', ['7']],
    ['/v1/{name=rooms/*}/m', '/v1/rooms/7/m', ['rooms/7']],
    ['/v1/{name=**}', '/v1/a/b/c', ['a/b/c']],
    ['/v1/*/x', '/v1/a/x', []],
    ['/v1/{id}:send', '/v1/7:send', ['7']],
    ['/v1.0/(x)', '/v1.0/(x)', []],
  ])('%s matches %s', (template, path, variables) => {
    expect(tableOf(template)(path)).toEqual({ byVerb: new Map([['GET', template]]), variables });
  });

  test.each([
    ['/room/{id}', '/room/'],
    ['/room/{id}', '/room/1/2'],
    ['/room/{id}', '/room/1/'],
    ['/room/{id}', '/x/room/1'],
    ['/v1.0', '/v1x0'],
    ['/v1/{name=rooms/*}', '/v1/users/7'],
  ])('%s does not match %s', (template, path) => {
    expect(tableOf(template)(path)).toBeUndefined();
  });

  test('fixed segments win over variables, one segment over many, whatever comes first', () => {
    const find = tableOf('/{rest=**}', '/room/{id}', '/{a}/{b}', '/room/list', '/room/{id}:pin');
    const target = (path: string): string | undefined => find(path)?.byVerb.get('GET');
    expect(target('/room/list')).toBe('/room/list');
    expect(target('/room/1')).toBe('/room/{id}');
    expect(target('/room/1:pin')).toBe('/room/{id}:pin');
    expect(target('/user/1')).toBe('/{a}/{b}');
    expect(target('/a/b/c')).toBe('/{rest=**}');
  });

  test('a fixed path decides alone, also for verbs that it does not know', () => {
    const find = createRouteTable([
      { verb: 'GET', path: '/room/{id}', target: 1 },
      { verb: 'POST', path: '/room/create', target: 2 },
      { verb: 'PUT', path: '/room/{name}', target: 3 },
    ]);
    expect([...(find('/room/create')?.byVerb.keys() ?? [])]).toEqual(['POST']);
    expect([...(find('/room/x')?.byVerb.keys() ?? [])]).toEqual(['GET', 'PUT']);
  });

  test('two routes that are the same are an error', () => {
    expect(() => tableOf('/room/{id}', '/room/{name}')).toThrow('two routes');
  });
});
