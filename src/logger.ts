import pino from 'pino';
import pretty from 'pino-pretty';

/** The logger that is handed down; never imported as a global. */
export type Logger = pino.Logger;

/** Whatever might slip into a log line and must not be read there. */
const SECRET_FIELDS = [
  'authorization',
  'cookie',
  'token',
  'secret',
  'password',
  'content',
  'contentDecrypted',
];

/**
 * One JSON object a line on stdout; readable text when a person watches (a terminal, not in production).
 * Secrets and message content are replaced, at the top and up to two levels down.
 */
export function createLogger(
  options: { readonly level: string; readonly production: boolean },
  out: NodeJS.WriteStream = process.stdout,
): Logger {
  const paths = SECRET_FIELDS.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]);
  const settings: pino.LoggerOptions = {
    level: options.level,
    redact: { paths, censor: '[hidden]' },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
  };
  if (!out.isTTY || options.production) {
    // pino's default destination is a good deal cheaper than the stream, and goes silent when nobody reads the log any more.
    return out === process.stdout ? pino(settings) : pino(settings, out);
  }
  return pino(settings, pretty({ destination: out, ignore: 'pid,hostname', translateTime: 'HH:MM:ss.l' }));
}

/** The same logger, whose lines tell to which trace they belong: `of` is asked at every line that is written. */
export function withTraceIds(
  logger: Logger,
  of: () => { readonly traceId: string; readonly spanId: string } | undefined,
): Logger {
  const log = (line: object): object => {
    const ids = of();
    return ids === undefined ? line : { traceId: ids.traceId, spanId: ids.spanId, ...line };
  };
  return logger.child({}, { formatters: { log } });
}
