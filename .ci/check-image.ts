/**
 * Checks the container image without Docker: does what the lines of the Dockerfile say in a folder of its own, makes that tree
 * read-only and root's, and runs the service from it as the image's user, on real servers and in production mode.
 *
 * A line that it doesn't know how to follow ends it, so that it can't drift from the Dockerfile. What it leaves out, it says.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { SignJWT } from 'jose';
import {
  type Instruction,
  lastOf,
  pairsOf,
  parseDockerfile,
  type Stage,
} from '../test/support/dockerfile.ts';
import { freePort } from '../test/support/ports.ts';
import { startServers } from '../test/support/servers.ts';

const READY_MS = 60_000;
const STOP_MS = 15_000;

const servers = await startServers(['postgres', 'nats', 'redis']);
const work = mkdtempSync(join(tmpdir(), 'chat-image-'));
// Another user has to get in.
chmodSync(work, 0o755);
const roots = new Map<string, string>();
const children: ChildProcess[] = [];
const stages = parseDockerfile(readFileSync('Dockerfile', 'utf8'));

try {
  for (const [index, stage] of stages.entries()) build(stage, index === stages.length - 1);
  await runImage();
} finally {
  for (const child of children) child.kill('SIGKILL');
  await servers.stop();
  spawnSync('chmod', ['-R', 'u+w', work]);
  rmSync(work, { recursive: true, force: true });
}

/** Makes the stage's tree. */
function build(stage: Stage, isImage: boolean): void {
  const root = join(work, isImage ? 'image' : stage.name);
  roots.set(isImage ? '' : stage.name, root);
  mkdirSync(root);
  let cwd = root;
  for (const instruction of stage.instructions) {
    switch (instruction.name) {
      case 'WORKDIR':
        cwd = join(root, resolve('/', instruction.text));
        mkdirSync(cwd, { recursive: true });
        break;
      case 'COPY':
        copy(instruction, root, cwd);
        break;
      case 'RUN':
        runStep(instruction, cwd);
        break;
      case 'ARG':
      case 'LABEL':
      case 'ENV':
      case 'USER':
      case 'EXPOSE':
      case 'HEALTHCHECK':
      case 'ENTRYPOINT':
      case 'CMD':
        // Nothing of the tree; the ones that matter are read when the image runs.
        break;
      default:
        throw new Error(`the Dockerfile has ${instruction.name}, and nobody knows how to follow that here`);
    }
  }
}

function copy({ flags, words }: Instruction, root: string, cwd: string): void {
  const { from } = flags;
  const sources = words.slice(0, -1);
  const target = words.at(-1) ?? '';
  const context = from === undefined ? process.cwd() : roots.get(from);
  if (context === undefined) throw new Error(`COPY --from=${from}: there is no such stage`);
  const destination = target.startsWith('/') ? join(root, target) : join(cwd, target);
  for (const source of sources) {
    const path = join(context, source);
    // As Docker does: a folder's content goes into the target, a file under its own name when the target is a folder.
    const isFolder = lstatSync(path).isDirectory();
    const place = !isFolder && target.endsWith('/') ? join(destination, basename(source)) : destination;
    cpSync(path, place, { recursive: true, verbatimSymlinks: true });
  }
}

/** npm does the same here as in the base image. Everything else would change this machine. */
function runStep({ text }: Instruction, cwd: string): void {
  if (!/^npm ci [\w= -]+$/.test(text)) {
    console.log(`left out, it is about the base image: RUN ${text.replace(/\s+/g, ' ')}`);
    return;
  }
  console.log(`RUN ${text}`);
  const { status } = spawnSync('bash', ['-c', text], { cwd, stdio: 'inherit' });
  if (status !== 0) throw new Error(`it ended with ${status}`);
}

async function runImage(): Promise<void> {
  const image = stages.at(-1);
  if (image === undefined) throw new Error('the Dockerfile has no stage');
  const root = roots.get('') ?? '';
  const cwd = join(root, lastOf(image, 'WORKDIR')?.text ?? '/');
  // The base image has Node where everybody can start it; the one here may be in a folder that only root sees.
  const bin = join(work, 'bin');
  mkdirSync(bin);
  cpSync(process.execPath, join(bin, 'node'));
  protect(root);
  const before = contentOf(root);
  console.log(`the image's tree has ${before.size} files`);

  const [port, metricsPort] = [await freePort(), await freePort()];
  const key = randomBytes(32).toString('hex');
  const environment = {
    PATH: bin,
    ...pairsOf(image, 'ENV'),
    LOG_LEVEL: 'warn',
    SERVER_ADDRESS: `127.0.0.1:${port}`,
    METRICS_PORT: String(metricsPort),
    DATABASE_URL: servers.addresses.postgres ?? '',
    NATS_URL: servers.addresses.nats ?? '',
    REDIS_URL: servers.addresses.redis ?? '',
    JWT_SECRET: key,
    // To see that their files are in the image.
    PUBLIC_DOCS: 'true',
    CHAT_KEY: randomBytes(32).toString('hex'),
    CHAT_IV: randomBytes(16).toString('hex'),
  };
  /** Starts a command line in the image. */
  const start = (words: readonly string[]): ChildProcess => {
    const [program = '', ...args] = words;
    const child = spawn(join(bin, program), args, {
      ...userOf(image),
      cwd,
      env: environment,
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    children.push(child);
    return child;
  };
  const entrypoint = lastOf(image, 'ENTRYPOINT')?.words ?? [];
  const healthcheck = lastOf(image, 'HEALTHCHECK')?.words ?? [];

  expectEqual('migrate', await exitCode(start([...entrypoint, 'migrate'])), 0);
  const service = start([...entrypoint, ...(lastOf(image, 'CMD')?.words ?? [])]);
  const url = `http://127.0.0.1:${port}`;
  await untilReady(url, service);
  expectEqual('the health check of a running service', await exitCode(start(healthcheck)), 0);
  await makeUser(url, key);
  expectEqual('metrics on their own port', await statusOf(`http://127.0.0.1:${metricsPort}/metrics`), 200);
  expectEqual('metrics for those who call', await statusOf(`${url}/metrics`), 404);
  for (const path of [
    '/docs',
    '/docs/swagger-ui-bundle.js',
    '/docs/openapi.yaml',
    '/api/chat/protos_download',
  ]) {
    expectEqual(path, await statusOf(`${url}${path}`), 200);
  }
  expectEqual('diagnostics for those who call', await statusOf(`${url}/api/chat/debug`), 404);
  // As `docker stop` does.
  const ended = exitCode(service);
  service.kill('SIGTERM');
  expectEqual('the service after SIGTERM', await ended, 0);
  expectEqual('the health check without a service', await exitCode(start(healthcheck)), 1);
  expectEqual('changed files', changes(before, contentOf(root)).join(', '), '');
}

/** As in an image: root's and read-only. */
function protect(root: string): void {
  for (const [path, mode] of [...modesOf(root)]) {
    if (process.getuid?.() === 0) chownSync(path, 0, 0);
    chmodSync(path, mode & ~0o222);
  }
}

function userOf(image: Stage): { readonly uid?: number; readonly gid?: number } {
  const [uid = Number.NaN, gid = Number.NaN] = (lastOf(image, 'USER')?.text ?? '').split(':').map(Number);
  if (!(uid > 0 && gid > 0)) throw new Error('the Dockerfile has no USER, not as numbers, or root');
  if (process.getuid?.() === 0) return { uid, gid };
  console.log('not root: the service runs as the user of this process');
  return {};
}

async function untilReady(url: string, service: ChildProcess): Promise<void> {
  const deadline = Date.now() + READY_MS;
  let found = 'nothing';
  while (Date.now() < deadline) {
    if (service.exitCode !== null) throw new Error(`the service ended with ${service.exitCode}`);
    const answer = await fetch(`${url}/readyz`).catch(() => undefined);
    found = (await answer?.text()) ?? 'nothing';
    if (answer?.status === 200) return;
    await delay(50);
  }
  throw new Error(`/readyz answers ${found}`);
}

/** One real call through everything: a user is stored and read back. */
async function makeUser(url: string, secret: string): Promise<void> {
  const token = await new SignJWT({ user_id: 1, role: 'admin' })
    .setProtectedHeader({ alg: 'HS256' })
    .setExpirationTime('5m')
    .sign(Buffer.from(secret));
  const call = async (method: string, request: unknown): Promise<string> => {
    const answer = await fetch(`${url}/services.users.v1.UsersService/${method}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(request),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} answers ${answer.status}: ${text}`);
    return text;
  };
  await call('UpsertUsers', { users: [{ id: 1, name: 'Image Check' }] });
  const found = await call('GetUsers', { ids: [1] });
  if (!found.includes('Image Check')) throw new Error(`GetUsers answers ${found}`);
}

async function statusOf(url: string): Promise<number> {
  const answer = await fetch(url);
  await answer.body?.cancel();
  return answer.status;
}

async function exitCode(child: ChildProcess): Promise<unknown> {
  if (child.exitCode !== null) return child.exitCode;
  const [code, signal] = await Promise.race([
    once(child, 'exit'),
    delay(STOP_MS, [undefined, 'no end in time'], { ref: false }),
  ]);
  return code ?? signal;
}

function expectEqual(what: string, found: unknown, expected: unknown): void {
  if (found !== expected) throw new Error(`${what}: ${found}, expected ${expected}`);
  console.log(`ok: ${what}`);
}

/** Path and content of every file. */
function contentOf(root: string): Map<string, string> {
  const content = new Map<string, string>();
  for (const [path] of modesOf(root)) {
    if (lstatSync(path).isDirectory()) continue;
    content.set(path, createHash('sha256').update(readFileSync(path)).digest('hex'));
  }
  return content;
}

function changes(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): string[] {
  return [...new Set([...before.keys(), ...after.keys()])].filter(
    (path) => before.get(path) !== after.get(path),
  );
}

/** Every file and folder; of links, what they lead to, which has to be in the tree as well. */
function* modesOf(root: string): Generator<readonly [path: string, mode: number]> {
  yield [root, lstatSync(root).mode];
  for (const entry of readdirSync(root, { recursive: true, encoding: 'utf8' })) {
    const path = join(root, entry);
    const status = lstatSync(path);
    if (!status.isSymbolicLink()) yield [path, status.mode];
    else if (!existsSync(path)) throw new Error(`${path} leads nowhere: ${readlinkSync(path)}`);
  }
}
