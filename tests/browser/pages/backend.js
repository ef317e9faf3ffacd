// The backend, on another origin: a page signs its user in there, and gets tickets.
const asked = new URLSearchParams(location.search);

export const post = (path, body) =>
  fetch(asked.get("backend") + path, {
    method: "POST",
    credentials: "include",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });

export const signIn = () => post("/sign-in", { user_id: asked.get("user") });
