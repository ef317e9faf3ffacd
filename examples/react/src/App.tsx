import { useState } from "react";

import { post } from "./backend.ts";
import { Viewer } from "./Viewer.tsx";

export function App() {
  const [userId, setUserId] = useState<string | null>(null);

  async function signIn(form: FormData) {
    const user_id = String(form.get("name"));
    await post("/sign-in", { user_id });
    setUserId(user_id);
  }

  // Another user is another client: the key says so.
  if (userId !== null) return <Viewer key={userId} />;
  return (
    <form action={signIn}>
      <label>
        Your name <input name="name" required maxLength={128} />
      </label>
      <button>Sign in</button>
    </form>
  );
}
