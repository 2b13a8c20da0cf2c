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
    if (out !== process.stdout) return pino(settings, out);
    // A good deal cheaper than the stream. Written at once, as the stream does with a pipe: what is left to be written at the end makes
    // the process wait for ever when nobody reads the log any more. So it just goes silent.
    return pino(settings, pino.destination({ dest: process.stdout.fd, sync: true }));
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
