// The examples' backends answer here: `VITE_BACKEND=https://… npm run build` names another.
const BACKEND = import.meta.env.VITE_BACKEND ?? "http://127.0.0.1:8000";

/** The client tries again later when this throws, except for a status of 4xx. */
export async function post<Answer>(path: string, body: object): Promise<Answer> {
  const response = await fetch(BACKEND + path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    credentials: "include",
    body: JSON.stringify(body),
  });
  if (!response.ok) throw Object.assign(new Error(`${path} answered ${response.status}`), { status: response.status });
  return response.json();
}
