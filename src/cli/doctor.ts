import { parseArgs } from 'node:util';
import { type ExaminedConfig, examineConfig } from '../config.ts';
import { runCommand } from './command.ts';
import { type Finding, render, toJson, worst } from './doctor/finding.ts';
import { dataFindings, machineFindings } from './doctor/machine.ts';
import { natsProbe } from './doctor/nats.ts';
import { redisProbe, scyllaProbe, serviceProbes } from './doctor/others.ts';
import { postgresProbe } from './doctor/postgres.ts';
import { type Probe, within } from './doctor/probe.ts';
import { settingFindings } from './doctor/settings.ts';

const USAGE = `Usage: npm run doctor -- [--config-file FILE] [--json]

Tells what the service would run with, and whether it can: settings and where they come from, versions, schemas, clocks,
limits, latencies, the stream of events, what waits. It works when parts are down, takes a few seconds, shows no secret and
changes nothing. Exit code 0 when nothing fails, else 1.

  --config-file  the JSON file with settings, as the service is given it
  --json         for programs`;

/** Examines everything that the service would stand on, and says what to do. Only reads. */
export async function runDoctor(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  return await runCommand(
    USAGE,
    async () => {
      const { values } = parseArgs({
        args: [...argv],
        options: {
          'config-file': { type: 'string' },
          json: { type: 'boolean', default: false },
          help: { type: 'boolean', short: 'h' },
        },
      });
      if (values.help === true) {
        console.log(USAGE);
        return 0;
      }
      const findings = await examine(examineConfig(env, values['config-file']));
      console.log(values.json ? toJson(findings) : render(findings, process.stdout.isTTY));
      return worst(findings) === 'fail' ? 1 : 0;
    },
    2,
  );
}

/** Settings, this machine, and every dependency that is configured, all at once. */
async function examine(examined: ExaminedConfig): Promise<Finding[]> {
  const { config } = examined;
  const found = await Promise.all([
    machineFindings(config),
    dataFindings(config),
    ...probesFor(examined).map(async (probe) => await within(probe)),
  ]);
  return [...settingFindings(examined), ...found.flat()];
}

/** A wrong setting counts as not set, and would ask in the wrong place: then nobody is asked. */
function probesFor({ config, problems }: ExaminedConfig): Probe[] {
  const wrong = problems.flatMap(({ name }) => name.split(', '));
  const isRight = (prefix: RegExp): boolean => !wrong.some((name) => prefix.test(name));
  const { database, nats, redis, scylla } = config;
  return [
    ...(database.url !== undefined && isRight(/^(DATABASE_URL|POSTGRES_)/)
      ? [postgresProbe(database.url, config)]
      : []),
    ...(nats !== undefined && isRight(/^NATS_/) ? [natsProbe(nats)] : []),
    ...(redis !== undefined && isRight(/^REDIS_/) ? [redisProbe(redis)] : []),
    ...(scylla.roles !== undefined && isRight(/^(SCYLLA|CASSANDRA)_/) ? [scyllaProbe(config)] : []),
    ...serviceProbes(config),
  ];
}
