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
export function useHeadcount(options: Options): Headcount | null;
/**
 * The client's `status`, drawn again at each change.
 *
 * @param {Headcount|null} headcount
 * @returns {Status}
 */
export function useStatus(headcount: Headcount | null): Status;
/**
 * The user's state, the same on all devices; {} before the first welcome.
 *
 * @param {Headcount|null} headcount
 * @returns {any}
 */
export function useUserState(headcount: Headcount | null): any;
/**
 * The bonuses that are not over, the first to expire first, drawn again at each `bonus`.
 *
 * @param {Headcount|null} headcount
 * @returns {Bonus[]}
 */
export function useBonuses(headcount: Headcount | null): Bonus[];
/**
 * How many watch what the connection watches, drawn again when that changes; null before the first answer. The client asks for
 * it while a component uses this.
 *
 * @param {Headcount|null} headcount
 * @returns {AudienceOfResource|null}
 */
export function useAudience(headcount: Headcount | null): AudienceOfResource | null;
/**
 * Call `listener` with the detail of each event of this name. It may be another function in each render.
 *
 * @template {keyof Events} K
 * @param {Headcount|null} headcount
 * @param {K} name
 * @param {(detail: Events[K]) => void} listener
 */
export function useHeadcountEvent<K extends keyof Events>(headcount: Headcount | null, name: K, listener: (detail: Events[K]) => void): void;
import type { Options } from "./headcount.js";
import { Headcount } from "./headcount.js";
import type { Status } from "./headcount.js";
import type { Bonus } from "./headcount.js";
import type { AudienceOfResource } from "./headcount.js";
import type { Events } from "./headcount.js";
