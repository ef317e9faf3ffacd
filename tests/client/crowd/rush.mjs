/**
 * What happens when all clients claim a bonus within ten seconds, and the server has room for few at a time. In simulated
 * time, with the client's own code:
 *
 *     node tests/client/crowd/rush.mjs [clients] [claims a second]
 */

import { pathToFileURL } from "node:url";

import { Bucket, Crowd } from "./crowd.mjs";
import { settled } from "../fakes.mjs";
import { TOO_MANY, bonus, bonusPush, claimed, refusal } from "../messages.mjs";

const SECOND = 1_000;
const RUSH = 10 * SECOND;

/** How a server without room refuses a claim. */
export const REFUSALS = {
  "the gateway's error frame": () => TOO_MANY,
  "`unavailable` with a time": ({ id }, dice) => refusal(id, "unavailable", { retry_after_ms: 1_000 + Math.floor(2_000 * dice()) }),
};

/**
 * Push a bonus to all; each claims it at a moment of the next ten seconds.
 *
 * @param {{clients: number, perSecond: number, seconds: number, refuse: (claim: any, dice: () => number) => any}} options
 *   perSecond: claims that the server has room for; seconds: how long the bonus can be claimed
 */
export async function rush({ clients, perSecond, seconds, refuse }) {
  const crowd = new Crowd();
  await crowd.open(clients);
  const expiresAt = crowd.clock.now + seconds * SECOND;
  const room = new Bucket(crowd.clock, perSecond);
  const sent = [];
  crowd.answers = (claim) => {
    const second = Math.floor((crowd.clock.now - expiresAt) / SECOND) + seconds;
    sent[second] = (sent[second] ?? 0) + 1;
    if (!room.take()) return refuse(claim, crowd.dice);
    return claimed(claim.id, crowd.clock.now < expiresAt ? "sold_out" : "expired");
  };
  const outcomes = {};
  const answeredAt = [];
  const claim = async (client) => {
    const { outcome } = await client.claim("b");
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    answeredAt.push(crowd.clock.now);
  };
  crowd.push(bonusPush(bonus({ opens_at: crowd.clock.now, expires_at: expiresAt })));
  for (const client of crowd.clients) crowd.clock.setTimeout(() => claim(client), crowd.dice() * RUSH);
  for (let second = 0; second < 10 * seconds && answeredAt.length < clients; second += 1) {
    await crowd.clock.pass(SECOND);
    await settled();
  }
  const total = sent.reduce((sum, count) => sum + (count ?? 0), 0);
  return {
    outcomes,
    answered: answeredAt.length / clients,
    requests: total / clients,
    // Against the first claims of users, a second.
    peak: Math.max(...sent.filter(Boolean)) / (clients / (RUSH / SECOND)),
    late: sent.slice(seconds + 1).reduce((sum, count) => sum + (count ?? 0), 0) / clients,
    lastAfter: (Math.max(...answeredAt) - expiresAt) / SECOND + seconds,
  };
}

const line = ({ outcomes, answered, requests, peak, lastAfter }) =>
  `${(100 * answered).toFixed(1)} % have an answer, the last after ${lastAfter.toFixed(0)} s (${JSON.stringify(outcomes)}); ` +
  `${requests.toFixed(1)} requests a client, at most ${peak.toFixed(1)} times as many a second as users who press the button`;

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [clients = 15_000, perSecond = 200] = process.argv.slice(2).map(Number);
  console.log(`${clients} clients claim within ten seconds; room for ${perSecond} claims a second`);
  for (const seconds of [30, 120]) {
    for (const [name, refuse] of Object.entries(REFUSALS)) {
      console.log(`a bonus of ${seconds} s, refused by ${name}: ${line(await rush({ clients, perSecond, seconds, refuse }))}`);
    }
  }
}
