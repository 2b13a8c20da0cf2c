import { readFileSync } from 'node:fs';
import { Code } from '@connectrpc/connect';
import { codeToHttpStatus } from '@connectrpc/connect/protocol-connect';
import { expect, test } from 'vitest';
import { CODES, refusal } from '../../src/rpc/interceptors/errors.ts';

test('docs/errors.md lists every reason with the code, status and text that clients get', () => {
  const text = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8');
  const rows = [...text.matchAll(/^\| `(\w+)` \| (\d+) \| `([^`]+)` \|/gm)].map(([, ...cells]) =>
    cells.join(' '),
  );
  const reasons = Object.keys(CODES) as (keyof typeof CODES)[];
  const refusals = reasons.map((reason) => {
    const { code, rawMessage } = refusal(reason, { procedure: '/a/b', clientId: undefined });
    const name = (Code[code] ?? '').replace(/(?<=[a-z])[A-Z]/g, '_$&').toLowerCase();
    return `${name} ${codeToHttpStatus(code)} ${rawMessage}`;
  });
  expect(rows.toSorted()).toEqual(refusals.toSorted());
});
