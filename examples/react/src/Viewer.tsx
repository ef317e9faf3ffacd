import type { Options, Ticket } from "headcount-client";
import { useAudience, useBonuses, useHeadcount, useStatus, useUserState } from "headcount-client/react";

import { post } from "./backend.ts";

const OPTIONS: Options = {
  ticket: ({ resource }) => post<Ticket>("/ticket", { resource }),
  storage: sessionStorage,
};

export function Viewer() {
  const headcount = useHeadcount(OPTIONS);
  const { status, reason } = useStatus(headcount);
  const { likes = 0 } = useUserState(headcount);
  const bonuses = useBonuses(headcount);
  const audience = useAudience(headcount);

  return (
    <main>
      <p>
        You are <output id="status">{status}</output> {reason}
      </p>
      {audience && <p id="audience">{audience.users} watching</p>}
      <button id="like" onClick={() => headcount?.act("like", {}, { patch: { likes: likes + 1 } })}>
        Like
      </button>{" "}
      <output id="likes">{likes}</output>
      <ul id="bonuses">
        {bonuses.map(({ bonus_id, reward, outcome }) => (
          <li key={bonus_id}>
            {reward.text} {outcome ?? <button onClick={() => headcount?.claim(bonus_id)}>Claim</button>}
          </li>
        ))}
      </ul>
    </main>
  );
}
