import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { createLogger, withTraceIds } from '../../src/logger.ts';

test('a line tells the trace of the moment in which it was written, and still no secrets', () => {
  const out = new PassThrough();
  let ids: { traceId: string; spanId: string } | undefined;
  // A stream that is no terminal is all that the logger asks for.
  const plain = createLogger({ level: 'info', production: true }, out as unknown as NodeJS.WriteStream);
  const logger = withTraceIds(plain, () => ids);
  logger.info('before');
  ids = { traceId: 't', spanId: 's' };
  logger.info({ token: 'secret-token', body: { content: 'secret-content' } }, 'during');
  logger.child({ part: 'x' }).error({ err: new Error('e'), traceId: 'own', spanId: 'own' }, 'names its own');
  logger.warn('no object');
  plain.info('another logger');
  const lines = String(out.read())
    .trim()
    .split('\n')
    .map((line): unknown => JSON.parse(line));
  expect(lines).toMatchObject([
    { msg: 'before' },
    { msg: 'during', traceId: 't', spanId: 's', token: '[hidden]', body: { content: '[hidden]' } },
    { msg: 'names its own', part: 'x', traceId: 'own', spanId: 'own' },
    { msg: 'no object', level: 'warn', traceId: 't', spanId: 's' },
    { msg: 'another logger' },
  ]);
  expect(lines[0]).not.toHaveProperty('traceId');
  expect(lines[4]).not.toHaveProperty('traceId');
});
