/**
 * A process of its own that is all virtual users, so that the load does not use the service's event loop. Gets a job from its parent, and
 * word of faults, and reports: see `GeneratorCommand` and `GeneratorEvent`.
 */
import { Generator } from './generator.ts';
import type { GeneratorCommand, GeneratorEvent } from './generator-protocol.ts';

let generator: Generator | undefined;

process.on('message', (command: GeneratorCommand) => {
  switch (command.kind) {
    case 'job':
      generator = new Generator(command, report);
      generator.run().then(
        (result) => report({ kind: 'result', result }),
        (error: unknown) => report({ kind: 'failed', text: String(error) }),
      );
      break;
    case 'fault':
      generator?.faults.begin(command.name, command.from);
      break;
    case 'fault-over':
      generator?.faults.end(command.to);
      break;
  }
});
// Without a parent there is nobody to tell.
process.on('disconnect', () => process.exit(1));

function report(event: GeneratorEvent): void {
  process.send?.(event);
}
