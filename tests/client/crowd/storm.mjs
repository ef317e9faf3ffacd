/**
 * What happens when all clients lose their connections at once, in simulated time, with the client's own code:
 *
 *     node tests/client/crowd/storm.mjs [clients] [handshakes a second]
 */

import { pathToFileURL } from "node:url";

import { Crowd } from "./crowd.mjs";

const SECOND = 1_000;
// As the server does: the time that the gateway needs to admit all, and a margin.
const MARGIN = 1.15;

/** What may happen beside the loss: options of `storm`. */
export const STORMS = {
  "all lines are cut at once": {},
  "the gateway refuses all for the first sixth of the window": { refuses: 1 / 6 },
  "a quarter of the pages become visible or see the network again": { wakes: 0.25 },
};

/** The window that the server tells so many connections. */
export const windowOf = (connections, perSecond) => Math.max(2 * SECOND, (MARGIN * connections * SECOND) / perSecond);

/**
 * Cut all lines, and let the clients come back.
 *
 * @param {{clients: number, perSecond: number, refuses?: number, wakes?: number, counted?: number}} options
 *   refuses: the part of the window in which the gateway admits none; wakes: the part of the clients that an event
 *   wakes; counted: how many the window is for, if not all
 */
export async function storm({ clients, perSecond, refuses = 0, wakes = 0, counted = clients }) {
  const within = windowOf(counted, perSecond);
  const crowd = new Crowd({ limits: { reconnect_within_ms: within } });
  await crowd.open(clients);
  crowd.limit(perSecond, { refusesFor: refuses * within });
  crowd.cut();
  for (const client of crowd.clients.slice(0, wakes * clients)) {
    crowd.clock.setTimeout(() => client.wake(), crowd.dice() * within);
  }
  while (crowd.backAt.length < clients) await crowd.clock.pass(SECOND);
  return figures(crowd, clients, perSecond);
}

function figures({ handshakes, tickets, perSecond: counts, backAt }, clients, perSecond) {
  const at = (part) => backAt[Math.ceil(part * clients) - 1] / SECOND;
  return {
    handshakes: handshakes / clients,
    tickets: tickets / clients,
    peak: Math.max(...counts.filter(Boolean)) / perSecond,
    back: { half: at(0.5), most: at(0.999), all: at(1) },
  };
}

const line = ({ handshakes, tickets, peak, back }) =>
  `${handshakes.toFixed(2)} handshakes and ${tickets.toFixed(2)} tickets a client, peak ${peak.toFixed(2)} × the quota, ` +
  `50 % back after ${back.half.toFixed(0)} s, 99.9 % after ${back.most.toFixed(0)} s, all after ${back.all.toFixed(0)} s`;

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [clients = 15_000, perSecond = 50] = process.argv.slice(2).map(Number);
  console.log(`${clients} clients, ${perSecond} handshakes a second`);
  for (const [name, options] of Object.entries(STORMS)) {
    console.log(`${name}: ${line(await storm({ clients, perSecond, ...options }))}`);
  }
  const perUser = await storm({ clients, perSecond, counted: clients / 3 });
  console.log(`three tabs each, and a window for the users instead of their connections: ${line(perUser)}`);
}
