import { useCallback, useEffect, useMemo, useRef, useState, useSyncExternalStore } from "react";

import { Headcount } from "./headcount.js";

/** @import {AudienceOfResource, Bonus, Events, Options, Status} from "./headcount.js" */

/** @type {Status} */
const CONNECTING = { status: "connecting", reason: "", code: null, retryAt: null };
const NO_STATE = {};
/** @type {Bonus[]} */
const NO_BONUSES = [];
// On the server there is no client to listen to.
const NEVER = () => () => {};

/**
 * Be online while this component is mounted. Returns null on the server and in the first render, then the client.
 *
 * The options of the first render count. For another user, give the component another `key`.
 *
 *     const headcount = useHeadcount({ ticket });
 *     const { status } = useStatus(headcount);
 *
 * @param {Options} options
 * @returns {Headcount|null}
 */
export function useHeadcount(options) {
  const first = useRef(options);
  const [headcount, setHeadcount] = useState(/** @type {Headcount|null} */ (null));
  useEffect(() => {
    // Strict Mode mounts twice. The first client is closed before it has connected.
    const made = new Headcount(first.current);
    setHeadcount(made);
    return () => made.close();
  }, []);
  return headcount;
}

/**
 * The client's `status`, drawn again at each change.
 *
 * @param {Headcount|null} headcount
 * @returns {Status}
 */
export function useStatus(headcount) {
  return useLatest(headcount, "status", headcount ? () => headcount.status : () => CONNECTING, CONNECTING);
}

/**
 * The user's state, the same on all devices; {} before the first welcome.
 *
 * @param {Headcount|null} headcount
 * @returns {any}
 */
export function useUserState(headcount) {
  return useLatest(headcount, "state", headcount ? () => headcount.state : () => NO_STATE, NO_STATE);
}

/**
 * The bonuses that are not over, the first to expire first, drawn again at each `bonus`.
 *
 * @param {Headcount|null} headcount
 * @returns {Bonus[]}
 */
export function useBonuses(headcount) {
  const read = useMemo(() => {
    let last = NO_BONUSES;
    // Each read makes a new list, and React draws again for as long as it gets another one.
    return () => {
      const now = headcount?.bonuses ?? NO_BONUSES;
      if (!isSame(last, now)) last = now;
      return last;
    };
  }, [headcount]);
  return useLatest(headcount, "bonus", read, NO_BONUSES);
}

/**
 * How many watch what the connection watches, drawn again when that changes; null before the first answer. The client asks for
 * it while a component uses this.
 *
 * @param {Headcount|null} headcount
 * @returns {AudienceOfResource|null}
 */
export function useAudience(headcount) {
  return useLatest(headcount, "audience", () => headcount?.audience ?? null, null);
}

/**
 * Call `listener` with the detail of each event of this name. It may be another function in each render.
 *
 * @template {keyof Events} K
 * @param {Headcount|null} headcount
 * @param {K} name
 * @param {(detail: Events[K]) => void} listener
 */
export function useHeadcountEvent(headcount, name, listener) {
  const latest = useRef(listener);
  useEffect(() => {
    latest.current = listener;
  });
  useEffect(() => headcount?.on(name, (detail) => latest.current(detail)), [headcount, name]);
}

/**
 * @template T
 * @param {Headcount|null} headcount
 * @param {keyof Events} name  the event after which the value may be another
 * @param {() => T} read       the same object until it is another
 * @param {T} before           without a client
 * @returns {T}
 */
function useLatest(headcount, name, read, before) {
  const subscribe = useCallback(
    /** @param {() => void} changed */ (changed) => headcount?.on(name, changed) ?? NEVER(),
    [headcount, name],
  );
  return useSyncExternalStore(subscribe, read, () => before);
}

/**
 * @param {Bonus[]} some
 * @param {Bonus[]} others
 */
const isSame = (some, others) => some.length === others.length && some.every((one, at) => one === others[at]);
