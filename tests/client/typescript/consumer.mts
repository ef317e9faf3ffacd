// What a TypeScript page writes: it compiles against the package's own declarations.
import { Headcount, HeadcountError, type Bonus, type Options, type Outcome } from "headcount-client";
import type { components as Http } from "headcount-client/http";
import type { components as Messages } from "headcount-client/messages";
import { useAudience, useBonuses, useHeadcount, useHeadcountEvent, useStatus, useUserState } from "headcount-client/react";

const options: Options = { ticket: async ({ resource }) => ({ url: "wss://example.org/live", ticket: resource ?? "" }) };
const headcount = new Headcount(options);

headcount.on("bonus", (bonus: Bonus) => console.log(bonus.expires_at - headcount.serverNow()));
headcount.on("status", ({ status, retryAt }) => console.log(status === "offline" ? retryAt : status));
// @ts-expect-error there is no such event
headcount.on("bonuses", () => {});
// @ts-expect-error a resource is a string
headcount.watch(7);

export const order: Http["schemas"]["BonusOrder"] = { reward: { text: "5 coins" }, audience: { kind: "everyone" }, window_seconds: 10 };
export const missed = (welcome: Messages["schemas"]["Welcome"]): number[] => welcome.events.map(({ seq }) => seq);

export const claim = async (bonusId: string): Promise<Outcome | string> => {
  try {
    return (await headcount.claim(bonusId)).outcome;
  } catch (error) {
    return error instanceof HeadcountError ? error.code : "unknown";
  }
};

export const useLikes = (): string => {
  const client: Headcount | null = useHeadcount(options);
  useHeadcountEvent(client, "bonus", (bonus) => console.log(bonus.expires_at));
  // @ts-expect-error there is no such event
  useHeadcountEvent(client, "bonuses", () => {});
  const outcomes: (Outcome | null)[] = useBonuses(client).map(({ outcome }) => outcome);
  return `${outcomes} ${useUserState(client).likes} ${useStatus(client).status} ${useAudience(client)?.users ?? 0}`;
};
