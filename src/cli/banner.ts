import { styleText } from 'node:util';

/** What the banner tells. Nothing in it is secret. */
export interface BannerFacts {
  /** Where clients reach the service, for example `http://127.0.0.1:8080`. */
  readonly url: string;
  /** What runs inside this process in place of a real server, and where it keeps its data. */
  readonly embedded: readonly string[];
  /** What it is connected to; without user names and passwords. */
  readonly connected: readonly string[];
  /** The web chat is there. */
  readonly hasWeb: boolean;
  /** The page that describes the API is there. */
  readonly hasDocs: boolean;
  /** `npm run token` can make tokens for it. */
  readonly makesTokens: boolean;
  /** A room of user 1 and a content encrypted for it, for the example; undefined without demo data. */
  readonly example: { readonly roomId: string; readonly content: string } | undefined;
}

/**
 * What a developer needs to know right after the start: where it listens, what is embedded, how to get a token and one
 * command that sends a message. Several lines, the last one ends with a newline; coloured only when asked.
 */
export function renderBanner(facts: BannerFacts, coloured: boolean): string {
  const paint = (format: Format, text: string): string =>
    coloured ? styleText(format, text, { validateStream: false }) : text;
  const row = (label: string, text: string): string => `  ${paint('dim', label.padEnd(10))} ${text}`;
  const lines = [
    '',
    `  ${paint('bold', 'connect-chat')} is listening on ${paint(['bold', 'cyan'], facts.url)}`,
    `  ${paint('dim', 'Connect, gRPC, gRPC-Web, REST and WebSocket on one port')}`,
    '',
    ...facts.embedded.map((text, index) => row(index === 0 ? 'embedded' : '', text)),
    ...facts.connected.map((text, index) => row(index === 0 ? 'connected' : '', text)),
    ...(facts.hasWeb
      ? [
          row('web', `${paint('green', `${facts.url}/`)}   a chat in the browser`),
          row('', `${paint('green', `${facts.url}/?as=1&with=2`)}   two people side by side`),
        ]
      : []),
    ...(facts.hasDocs
      ? [row('docs', `${paint('green', `${facts.url}/docs`)}   the API, to read and to try`)]
      : []),
    '',
    ...help(facts, paint, row),
    '',
  ];
  return `${lines.join('\n')}\n`;
}

function help(
  { url, makesTokens, example }: BannerFacts,
  paint: (format: Format, text: string) => string,
  row: (label: string, text: string) => string,
): string[] {
  if (!makesTokens) return [];
  const token = row(
    'token',
    `${paint('green', 'npm run -s token -- 1')}   a token of user 1 (--admin, --ttl 1h)`,
  );
  if (example === undefined) return [token];
  const chat = `npm run chat -- --as 2 --with 1${url === DEFAULT_URL ? '' : ` --url ${url}`}`;
  const body = JSON.stringify(example);
  const command = [
    'TOKEN=$(npm run -s token -- 1)',
    `curl -sS ${url}/services.chat.v1.ChatService/SendMessage \\`,
    '  -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \\',
    `  -d '${body}'`,
  ];
  return [
    token,
    row('chat', `${paint('green', chat)}   as Ben with Ana, in this terminal's neighbour`),
    '',
    `  ${paint('dim', 'Send a message as user 1 (paste it; it shows up in that chat):')}`,
    '',
    ...command.map((line) => `    ${paint('green', line)}`),
  ];
}

const DEFAULT_URL = 'http://127.0.0.1:8080';

type Format = Parameters<typeof styleText>[0];
