/** A server that renders an app with the hooks. */

import { createElement } from "react";
import { renderToString } from "react-dom/server";
import { useHeadcount, useStatus, useUserState } from "headcount-client/react";

function App() {
  const headcount = useHeadcount({ ticket: () => Promise.reject(new Error("a server has no ticket")) });
  return createElement("p", null, `${useStatus(headcount).status} ${useUserState(headcount).likes ?? 0}`);
}
console.log(renderToString(createElement(App)));
