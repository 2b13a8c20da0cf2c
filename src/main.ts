import { run } from './cli/run.ts';

// What still keeps the event loop busy by now must not keep the process alive.
process.exit(await run(process.argv.slice(2)));
