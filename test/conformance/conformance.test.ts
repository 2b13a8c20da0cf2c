import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { findOnPath } from '../support/path.ts';

const RUNNER = 'connectconformance';
/** What version 1.0.7 has for these features. */
const CASES = 1900;
const TIMEOUT_MS = 170_000;
/** What the runner says of an error that was changed: its detail, its text, and of what can't be read its code. */
const CHANGES = [
  /^actual error contain [01] details; expecting [01]$/,
  /^actual error detail #1 does not match expected error detail/,
  /^actual error \{code: 13 \(internal\), message: "internal_server_error"\} does not match/,
  /^actual error \{code: 3 \(invalid_argument\), message: "invalid_request_data"\} does not match expected code 13/,
];
const MAX_OUTPUT = 16 * 1024 * 1024;

describe.runIf(inject('canStart').connectconformance)('the conformance runner', () => {
  let folder = '';
  let image = '';

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'connect-chat-conformance-'));
    image = join(folder, 'image.binpb');
    // .ci/install-conformance keeps the runner's Protobuf files beside it.
    const files = join(dirname(realpathSync(findOnPath(RUNNER) ?? '')), 'proto');
    execFileSync('buf', ['build', files, '-o', image]);
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('finds every case as it shall be, over each protocol and version of HTTP', async () => {
    const output = await run([image]);
    const servers = [...output.matchAll(/ reference-client for server config #\d+ \{(.*?), TLS:false\}/g)];
    expect(servers.map(([, server]) => server).sort()).toEqual([
      'HTTP_VERSION_1, PROTOCOL_CONNECT',
      'HTTP_VERSION_1, PROTOCOL_GRPC_WEB',
      'HTTP_VERSION_2, PROTOCOL_CONNECT',
      'HTTP_VERSION_2, PROTOCOL_GRPC',
      'HTTP_VERSION_2, PROTOCOL_GRPC_WEB',
    ]);
    expect(output).toMatch(/ grpc-reference-client for server config #\d+ \{HTTP_VERSION_2, PROTOCOL_GRPC,/);
    expect(output).toContain(`\nTotal cases: ${CASES}\n${CASES} passed, 0 failed\n`);
  });

  test('finds nothing else with gate and interceptors before the service than the errors that these change', async () => {
    // Whether the client's or the server's clock ends a call is chance; the server's end has the detail.
    const known = ['--known-failing', `@${path('changed-errors.txt')}`, '--known-flaky', 'Timeouts/**'];
    const output = await run([image, 'whole'], known);
    expect(output).toMatch(new RegExp(`\nTotal cases: ${CASES}\n\\d+ passed, 0 failed\n`));
    // Lines of a difference begin with something else.
    const reasons = [...output.matchAll(/^\t([a-z].*)$/gm)].map(([, reason = '']) => reason);
    expect(reasons.filter((reason) => !CHANGES.some((change) => change.test(reason)))).toEqual([]);
  });
});

/** What the runner prints. Throws with it when a case fails. */
async function run(serverArgs: readonly string[], known: readonly string[] = []): Promise<string> {
  const server = [process.execPath, path('server.ts'), ...serverArgs];
  const options = ['--mode', 'server', '-v', '--max-servers', '2', '--conf', path('features.yaml'), ...known];
  return await new Promise((resolve, reject) => {
    const limits = { timeout: TIMEOUT_MS, maxBuffer: MAX_OUTPUT };
    execFile(RUNNER, [...options, '--', ...server], limits, (error, stdout, stderr) => {
      if (error === null) resolve(stdout + stderr);
      else reject(new Error(`${error.message}\n${stdout}\n${stderr}`));
    });
  });
}

function path(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url));
}
