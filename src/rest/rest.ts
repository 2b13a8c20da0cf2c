import type { ConnectRouter } from '@connectrpc/connect';
import type { UniversalHandler } from '@connectrpc/connect/protocol';
import { ChatService } from '../gen/services/chat/v1/service_pb.ts';
import type { Logger } from '../logger.ts';
import { giveUp } from '../rpc/adapter.ts';
import { traceCall } from '../rpc/call-span.ts';
import type { HttpHandler, HttpRequest } from '../server/exchange.ts';
import type { Tracing } from '../tracing/tracing.ts';
import { answerRefusal } from './envelope.ts';
import { serveEventSource } from './event-source.ts';
import { servePoll } from './poll.ts';
import { createRouteTable, type Route } from './route-table.ts';
import { restRulesOf } from './rules.ts';
import { type RestRequest, serveUnary, type UnaryDeps } from './unary.ts';
import { serveWebSocket } from './web-socket.ts';

/** What the REST routes stand on. */
export interface RestDeps extends UnaryDeps {
  /** Serves the procedures that the routes lead to. */
  readonly router: Pick<ConnectRouter, 'handlers'>;
  readonly logger: Logger;
  /** Undefined: nothing is traced. */
  readonly tracing?: Tracing | undefined;
}

interface Target {
  readonly handler: UniversalHandler;
  readonly serve: (request: RestRequest) => Promise<void>;
}

/** The event stream for clients that can't speak its protocols. No procedures, so no descriptor has these three. */
const STREAM_PATH = '/api/chat/v1/stream';
const POLL_PATH = '/api/chat/v1/poll';
/** The route that makes a WebSocket of its request; the server has to offer it one. */
export const WEB_SOCKET_PATH = '/api/chat/v1/ws';

/**
 * The REST routes (behaviour 1.1.1, 1.3.1): those that the procedures' descriptors declare, and three for the event stream. Each is a call of the procedure's own handler,
 * behind the same gate and interceptors. Undefined for a path that is none of them; a verb that a path does not know is 405.
 */
export function createRest(deps: RestDeps): (path: string) => HttpHandler | undefined {
  const find = createRouteTable([...unaryRoutes(deps), ...streamRoutes(deps)]);
  return (path) => {
    const match = find(path);
    if (match === undefined) return undefined;
    const { byVerb, variables } = match;
    return (request, response) => {
      const target = byVerb.get(request.method ?? '');
      const run = (serving: () => Promise<void>): void => {
        serving().catch((error: unknown) => giveUp(error, response, deps.logger));
      };
      if (target === undefined) {
        response.setHeader('allow', [...byVerb.keys()].join(', '));
        run(() => answerRefusal(request, response, 405));
        return;
      }
      const call: HttpHandler = () =>
        run(() => target.serve({ request, response, variables, query: queryOf(request) }));
      if (deps.tracing === undefined) call(request, response);
      else traceCall(deps.tracing, target.handler.requestPath, call)(request, response);
    };
  };
}

function unaryRoutes(deps: RestDeps): Route<Target>[] {
  const handlers = new Map(deps.router.handlers.map((handler) => [handler.method, handler]));
  return restRulesOf([...handlers.keys()]).flatMap((rule) => {
    const handler = handlers.get(rule.method);
    if (handler === undefined) return [];
    const target: Target = { handler, serve: (request) => serveUnary(request, rule, handler, deps) };
    const verbs = rule.verb === 'GET' ? ['GET', 'HEAD'] : [rule.verb];
    return verbs.map((verb) => ({ verb, path: rule.path, target }));
  });
}

function streamRoutes(deps: RestDeps): Route<Target>[] {
  const handler = deps.router.handlers.find(({ method }) => method === ChatService.method.streamMessages);
  if (handler === undefined) return [];
  return [
    {
      verb: 'GET',
      path: STREAM_PATH,
      target: { handler, serve: (request) => serveEventSource(request, handler, deps.cookie) },
    },
    {
      verb: 'POST',
      path: POLL_PATH,
      target: { handler, serve: (request) => servePoll(request, handler, deps) },
    },
    {
      verb: 'GET',
      path: WEB_SOCKET_PATH,
      target: { handler, serve: (request) => serveWebSocket(request, handler, deps.cookie) },
    },
  ];
}

function queryOf({ url = '' }: HttpRequest): string {
  const at = url.indexOf('?');
  return at === -1 ? '' : url.slice(at + 1);
}
