// Numbers and times in words. No page is known here, so that node can test it.

const UNITS = [["d", 86_400_000], ["h", 3_600_000], ["m", 60_000], ["s", 1000]];

/** `12s`, `3m 20s`, `1h 5m`: the two largest units. */
export function span(millis) {
  const all = Math.max(0, millis);
  const first = UNITS.findIndex(([, size]) => all >= size);
  if (first < 0) return "0s";
  const [unit, size] = UNITS[first];
  const [lower, small] = UNITS[first + 1] ?? ["", 1];
  const rest = lower ? Math.floor((all % size) / small) : 0;
  return rest ? `${Math.floor(all / size)}${unit} ${rest}${lower}` : `${Math.floor(all / size)}${unit}`;
}

/** `512 B`, `1.5 KB`, `20 MB`; a KB is 1024 bytes, as in the gateway's limits. */
export function bytes(count) {
  if (count < 1024) return `${count} B`;
  let size = count;
  let unit = "";
  for (unit of ["KB", "MB", "GB", "TB"]) {
    size /= 1024;
    if (size < 1000) break;
  }
  return `${size < 10 ? size.toFixed(1) : Math.round(size)} ${unit}`;
}

export const count = (number) => number.toLocaleString("en");

/** Dollars: cents where there are some, otherwise as many places as it takes to see something. */
export function dollars(usd) {
  if (usd === 0) return "$0";
  if (usd < 0.000001) return "< $0.000001";
  const places = usd >= 1 ? 2 : Math.min(6, 2 - Math.floor(Math.log10(usd)));
  return `$${usd.toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: places })}`;
}

/** `13:16:24.910`, in the time of this machine. */
export function clock(millis) {
  const at = new Date(millis);
  const two = (number) => String(number).padStart(2, "0");
  const thousandths = String(at.getMilliseconds()).padStart(3, "0");
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${thousandths}`;
}

/** JSON set in lines, as a test's fixture has it; what is not JSON stays as it is. */
export function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

/** What an entry is about: one of the kinds that the page filters by. */
export function kindOf({ route, connection }) {
  if (["$connect", "$disconnect", "authorizer"].includes(route)) return "connections";
  if (route.startsWith("page ") || route.includes("/@connections/")) return "pushes";
  if (/^[A-Z]+ \//.test(route)) return "http";
  return connection === null ? "functions" : "messages";
}

/** The user that the authorizer named, by the event that a function got. */
export function userOf({ event }) {
  const found = /"principalId": ?"((?:[^"\\]|\\.)*)"/.exec(event ?? "");
  return found ? found[1] : "";
}

/** What a client said, or null; a secret in it is masked. */
export function saidOf(entry) {
  if (kindOf(entry) !== "messages") return null;
  if (entry.said !== null) return entry.said;
  try {
    return JSON.parse(entry.event).body ?? null;
  } catch {
    return null;
  }
}

/** Requests that only look, again and again, are one line: the same name for each of them. */
export function pollOf(entry) {
  return kindOf(entry) === "http" && entry.route.startsWith("GET ") ? `${entry.route} ${entry.outcome}` : null;
}

/** What `wscat -c` needs to be let in: the address, with a place for each identity source. */
export function wayIn(address, identity) {
  const named = (place) => identity.filter((source) => source.startsWith(`route.request.${place}.`)).map((source) => source.slice(`route.request.${place}.`.length));
  const query = named("querystring").map((name) => `${name}=…`).join("&");
  const headers = named("header").map((name) => ` -H "${name}: …"`).join("");
  return (query ? `"${address}?${query}"` : address) + headers;
}

/** Whether an entry is of the kind, if one is chosen, and has every word of the filter in its line, or as its user. */
export function matches(entry, filter, kind = "") {
  if (kind !== "" && kindOf(entry) !== kind) return false;
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  const text = [entry.route, entry.connection, entry.outcome, entry.function, entry.cold ? "cold" : "", words.length ? userOf(entry) : ""].join(" ").toLowerCase();
  return words.every((word) => text.includes(word));
}
