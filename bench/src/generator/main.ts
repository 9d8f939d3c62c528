import { Load } from './load.ts';
import { type Command, command, loadPlan } from './messages.ts';

// A process of the load generator. It does what it is told, one command after the other, and answers each.

const load = new Load(loadPlan.parse(JSON.parse(process.argv[2] ?? '')));
process.on('message', async (message) => {
  const given = command.parse(message);
  process.send?.((await carryOut(given)) ?? {});
});
function carryOut(given: Command) {
  if (given.do === 'connect') return load.connect(given.atOnce);
  if (given.do === 'disconnect') return load.disconnect(given.keep);
  if (given.do === 'fill') return load.fill(given.keys, given.valueBytes);
  return load[given.do]();
}

// The one that has started it is gone.
process.once('disconnect', () => process.exit());
