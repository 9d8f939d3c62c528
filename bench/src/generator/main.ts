import { Load } from './load.ts';
import { command, loadPlan } from './messages.ts';

// A process of the load generator. It does what it is told, one command after the other, and answers each.

const load = new Load(loadPlan.parse(JSON.parse(process.argv[2] ?? '')));
process.on('message', async (message) => {
  const given = command.parse(message);
  process.send?.((given.do === 'connect' ? await load.connect(given.atOnce) : load[given.do]()) ?? {});
});
// The one that has started it is gone.
process.once('disconnect', () => process.exit());
