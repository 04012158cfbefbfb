/** The thread of a network: all of its links. Apart from the test, whose work would be felt as delays. */
import { parentPort, workerData } from 'node:worker_threads';
import { CLEAR, Flow, type FlowName } from './flow.ts';
import { Link } from './link.ts';
import type { FromProxy, LinkPlan, ToProxy } from './proxy-messages.ts';

const port = parentPort!;
const { seed } = workerData as { readonly seed: number };
const flows = new Map<FlowName, Flow>();
const links: { readonly plan: LinkPlan; readonly link: Link }[] = [];

function flowOf(name: FlowName): Flow {
  let flow = flows.get(name);
  if (flow === undefined) {
    flow = new Flow(name, seed);
    flows.set(name, flow);
  }
  return flow;
}

async function open(plans: readonly LinkPlan[]): Promise<number[]> {
  const ports: number[] = [];
  for (const plan of plans) {
    const { from, to, host, port: targetPort } = plan;
    const link = await Link.listen({ host, port: targetPort }, flowOf(`${from}>${to}`), flowOf(`${to}>${from}`));
    links.push({ plan, link });
    ports.push(link.port);
  }
  return ports;
}

async function answer(message: ToProxy): Promise<unknown> {
  switch (message.kind) {
    case 'open':
      return open(message.plans);
    case 'conditions': {
      const conditions = new Map(message.conditions);
      for (const [name, flow] of flows) flow.set(conditions.get(name) ?? CLEAR);
      for (const { link } of links) link.conditionChanged();
      return null;
    }
    case 'reset': {
      const asked = new Set(message.flows);
      const hit = links.filter(({ plan: { from, to } }) => asked.has(`${from}>${to}`) || asked.has(`${to}>${from}`));
      return hit.reduce((count, { link }) => count + link.resetConnections(), 0);
    }
    case 'traffic':
      return [...flows].map(([name, { bytes }]) => [name, bytes]);
    case 'close':
      for (const { link } of links) await link.close();
      setImmediate(() => port.close());
      return null;
  }
}

port.on('message', (message: ToProxy) => {
  const reply = (outcome: Omit<FromProxy, 'id'>) => port.postMessage({ id: message.id, ...outcome });
  answer(message).then(
    (result) => reply({ result, error: null }),
    (error) => reply({ result: null, error: String(error) }),
  );
});
